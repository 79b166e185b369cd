// A program that reads one secret through this module.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/ssm"
)

func main() {
	ctx := context.Background()
	r, err := secrets.Open(ctx, "ssm://prod")
	if err == nil {
		_, err = r.Get(ctx, "db")
	}
	fmt.Fprintln(os.Stderr, err)
}
