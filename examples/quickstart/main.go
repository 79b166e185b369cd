// Quickstart reads two secrets by name, one from a .env and one from a mounted
// directory, and sees the second change while it runs. It needs no server and
// no account:
//
//	go run ./examples/quickstart
//
// This file is the program. The other one, stage.go, plays the infrastructure.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/envfile" // env://, envfile:// and file://
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := newStage()
	if err == nil {
		err = run(ctx, s, os.Stdout)
		err = errors.Join(err, s.close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s *stage, out io.Writer) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(out, nil)))
	r, err := secrets.Default()
	if err != nil {
		return err
	}
	defer r.Close() // ends what it started, and gives leases back

	// The program knows names. Where they live is in SECRETS_URL, which the
	// deployment sets.
	fmt.Fprintln(out, "SECRETS_URL is", os.Getenv("SECRETS_URL"))
	key, err := secrets.Get(ctx, "stripe/key")
	if err != nil {
		return err
	}
	password, err := secrets.Get(ctx, "db/password")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "stripe/key  is", key)
	fmt.Fprintln(out, "db/password is", password)
	slog.Info("connecting", "password", password, "version", password.Version())
	connect(password.Reveal()) // the one place where the value comes out

	// Watch yields the current value, and then each new one.
	var rotated time.Time
	for _, err := range secrets.Watch(ctx, "db/password") {
		if err != nil {
			return err
		}
		if !rotated.IsZero() {
			break
		}
		fmt.Fprintln(out, "\nrotating the mounted secret")
		rotated = time.Now()
		if err := s.rotate(); err != nil {
			return err
		}
	}
	took := time.Since(rotated)

	// Get has it, too: nothing was restarted, and no code asked for a refresh.
	fresh, err := secrets.Get(ctx, "db/password")
	if err != nil {
		return err
	}
	if fresh.Equal(password) {
		return fmt.Errorf("no rotation was seen: %w", ctx.Err())
	}
	fmt.Fprintf(out, "the program has version %s, %v after the file changed\n", fresh.Version(), took.Round(100*time.Microsecond))
	connect(fresh.Reveal())
	return nil
}

// connect stands for the driver that needs the password itself.
func connect(string) {}
