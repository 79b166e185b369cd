// A program that reads one secret of a file through this module.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/envfile"
)

func main() {
	ctx := context.Background()
	r, err := secrets.Open(ctx, "file:///run/secrets")
	if err == nil {
		_, err = r.Get(ctx, "db")
	}
	fmt.Fprintln(os.Stderr, err)
}
