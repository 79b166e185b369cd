// Command ours-gcp is a program that reads a secret with this library, for its
// size: Google Secret Manager.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/gcp"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	_, err := secrets.Get(context.Background(), os.Args[1])
	fmt.Println(err)
}
