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
	_, err := secrets.Get(context.Background(), "db")
	fmt.Fprintln(os.Stderr, err)
}
