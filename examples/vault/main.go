// Command vault reads a database's credentials and an API's key from HashiCorp
// Vault, by name, and sees a rotation.
//
//	go run ./examples/vault
//
// runs against a dev server, which it starts and stops: the vault in your
// path, or the one that VAULT_SERVER_BIN names. If there is neither, it builds
// the one of the test suites, which takes some minutes the first time. With a
// server of your own that has a KV version 2 mount with the secrets
// secret/prod/db (keys user and password) and secret/prod/stripe/key (key
// value), and VAULT_ADDR and VAULT_TOKEN in the environment:
//
//	SECRETS_URL=vault://secret/prod go run ./examples/vault
//
// This file is the program. The other one, server.go, plays the
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
	_ "github.com/go-secrets/secrets/vault" // vault://
)

func main() {
	if err := start(); err != nil {
		log.Fatal(err)
	}
}

func start() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	uri := os.Getenv("SECRETS_URL")
	rotate := func() error { return nil }
	if uri == "" {
		s, err := startServer(ctx)
		if err != nil {
			return err
		}
		defer s.Stop()
		uri, rotate = s.URI, s.rotate
	}
	return run(ctx, os.Stdout, uri, rotate)
}

// run is the program. It knows names only; the URI says where they are, and
// how to log in. rotate stands for whoever writes a new password to Vault.
func run(ctx context.Context, out io.Writer, uri string, rotate func() error) error {
	r, err := secrets.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer r.Close() // which revokes the token that the login got

	// One secret, db, holds both fields: both names are one read of it. The
	// key is a secret whose key value stands for it.
	if err := r.Preload(ctx, "db/user", "db/password", "stripe/key"); err != nil {
		return err
	}
	for _, name := range []string{"db/user", "db/password", "stripe/key"} {
		s, err := r.Get(ctx, name)
		if err != nil {
			return err
		}
		// A Secret prints as [REDACTED]; s.Reveal() is the value.
		fmt.Fprintf(out, "%s: version %s, %d bytes, printed as %v\n", name, s.Version(), len(s.Reveal()), s)
	}

	// Errors say what was asked, where it was looked for and what to do.
	_, err = r.Get(ctx, "no/such/secret")
	fmt.Fprintf(out, "no/such/secret: permission denied or not found: %t\n",
		errors.Is(err, secrets.ErrPermission) || errors.Is(err, secrets.ErrNotFound))

	// A new version reaches the program at the TTL, or at once when it asks.
	if err := rotate(); err != nil {
		return err
	}
	s, err := r.Refresh(ctx, "db/password")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "db/password: version %s now\n", s.Version())
	return nil
}
