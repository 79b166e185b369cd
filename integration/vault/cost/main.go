// A program that compares what a read costs through this module with what it
// costs with vault/api alone, pair by pair, on the server that VAULT_ADDR and
// VAULT_TOKEN name. It prints the medians of each round, in nanoseconds. It is
// a program of its own, so that the suite's race detector slows neither.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

func main() {
	const rounds, pairs = 8, 1500
	mount := os.Args[1]
	ctx := context.Background()
	client, err := api.NewClient(api.DefaultConfig())
	must(err)
	client.SetMaxRetries(0)
	r := secrets.New(vault.New(client), secrets.WithTTL(0)) // every Get is cold
	defer r.Close()

	ours := func() time.Duration {
		start := time.Now()
		_, err := r.Get(ctx, mount+"/k#password")
		d := time.Since(start)
		must(err)
		return d
	}
	theirs := func() time.Duration {
		start := time.Now()
		_, err := client.KVv2(mount).Get(ctx, "k")
		d := time.Since(start)
		must(err)
		return d
	}
	for range 200 { // connections, caches
		ours()
		theirs()
	}
	for range rounds {
		var a, b []time.Duration
		for i := range pairs {
			if i%2 == 0 {
				a, b = append(a, ours()), append(b, theirs())
			} else {
				b, a = append(b, theirs()), append(a, ours())
			}
		}
		slices.Sort(a)
		slices.Sort(b)
		fmt.Println(a[pairs/2].Nanoseconds(), b[pairs/2].Nanoseconds())
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
