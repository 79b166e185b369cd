// A program that reads one secret with vault/api alone.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/vault/api"
)

func main() {
	ctx := context.Background()
	client, err := api.NewClient(api.DefaultConfig())
	if err == nil {
		_, err = client.KVv2("secret").Get(ctx, "prod/db")
	}
	fmt.Fprintln(os.Stderr, err)
}
