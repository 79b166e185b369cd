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
	_, err := secrets.Get(context.Background(), "db")
	fmt.Fprintln(os.Stderr, err)
}
