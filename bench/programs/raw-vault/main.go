// Command raw-vault is a program that reads a secret with HashiCorp's client,
// for its size.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/vault/api"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err == nil {
		_, err = client.KVv2("secret").Get(context.Background(), os.Args[1])
	}
	fmt.Println(err)
}
