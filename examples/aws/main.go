// Command aws reads a database's credentials from AWS Secrets Manager and an
// API's key from Systems Manager Parameter Store, by name, and sees a rotation.
//
//	go run ./examples/aws
//
// runs against moto_server, an emulator (pip install 'moto[server]'), which it
// starts and stops: no account, no credentials. With an account of your own
// that has a secret prod/db, a JSON object with the keys user and password,
// and a parameter /prod/stripe/key:
//
//	SECRETS_URL="awssm://prod ssm:///prod" go run ./examples/aws
//
// This file is the program. The other one, emulator.go, plays the
// infrastructure.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/awssm" // awssm://
	_ "github.com/go-secrets/secrets/ssm"   // ssm://
)

func main() {
	if err := start(); err != nil {
		log.Fatal(err)
	}
}

func start() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rotate := func() error { return nil }
	if os.Getenv("SECRETS_URL") == "" {
		e, err := startEmulator(ctx)
		if err != nil {
			return err
		}
		defer e.Stop()
		rotate = e.rotate
	}
	return run(ctx, os.Stdout, rotate)
}

// run is the program. It knows names only; SECRETS_URL says where they are.
// rotate stands for the rotation that Secrets Manager starts.
func run(ctx context.Context, out io.Writer, rotate func() error) error {
	// One secret, db, holds both fields: both names are one read of it. The
	// key is found by the second provider, since the first has none.
	if err := secrets.Preload(ctx, "db/user", "db/password", "stripe/key"); err != nil {
		return err
	}
	for _, name := range []string{"db/user", "db/password", "stripe/key"} {
		s, err := secrets.Get(ctx, name)
		if err != nil {
			return err
		}
		// A Secret prints as [REDACTED]; s.Reveal() is the value.
		fmt.Fprintf(out, "%s: %d bytes, printed as %v\n", name, len(s.Reveal()), s)
	}

	// Errors say what was asked, where it was looked for and what to do.
	_, err := secrets.Get(ctx, "no/such/secret")
	fmt.Fprintf(out, "no/such/secret: not found: %t\n", errors.Is(err, secrets.ErrNotFound))

	// A new version reaches the program at the TTL, or at once when it asks.
	before, err := secrets.Get(ctx, "db/password")
	if err != nil {
		return err
	}
	if err := rotate(); err != nil {
		return err
	}
	r, err := secrets.Default()
	if err != nil {
		return err
	}
	after, err := r.Refresh(ctx, "db/password")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "db/password: rotated: %t\n", !after.Equal(before))
	return r.Close()
}
