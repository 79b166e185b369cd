// Command gcp reads a database's credentials from Google Secret Manager and
// follows their rotation.
//
//	go run ./examples/gcp
//
// runs against a Secret Manager in this process: no account, no credentials,
// no network. With a project of your own that has a secret db, a JSON object
// with the keys user and password:
//
//	SECRETS_URL=gcp://my-project go run ./examples/gcp
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
	_ "github.com/go-secrets/secrets/gcp" // the one line that knows of Google
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	uri, rotate := os.Getenv("SECRETS_URL"), func() {}
	if uri == "" {
		server, err := startServer()
		if err != nil {
			log.Fatal(err)
		}
		defer server.Close()
		uri, rotate = server.URI(), server.Rotate
	}
	if err := run(ctx, os.Stdout, uri, rotate); err != nil {
		log.Fatal(err)
	}
}

// run is the program. rotate stands for the administrator who adds a version.
func run(ctx context.Context, out io.Writer, uri string, rotate func()) error {
	r, err := secrets.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer r.Close()

	// One secret, db, holds both fields: both names are one call.
	for _, name := range []string{"db/user", "db/password"} {
		s, err := r.Get(ctx, name)
		if err != nil {
			return err
		}
		// A Secret prints as [REDACTED]; s.Reveal() is the value.
		fmt.Fprintf(out, "%s: version %s, %d bytes, printed as %v\n", name, s.Version(), len(s.Reveal()), s)
	}

	// Errors say what was asked, where it was looked for and what to do.
	_, err = r.Get(ctx, "stripe/key")
	fmt.Fprintf(out, "stripe/key: not found: %t\n", errors.Is(err, secrets.ErrNotFound))

	// A new version reaches the program at the TTL, or at once when it asks.
	rotate()
	s, err := r.Refresh(ctx, "db/password")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "db/password: version %s now\n", s.Version())
	return nil
}
