package secrets_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// The first value is the current one, and each one after it is a change.
func ExampleWatch() {
	ctx, provider, done := infrastructure(map[string]string{"tls/key": "one"})
	defer done()

	for key, err := range secrets.Watch(ctx, "tls/key") {
		switch {
		case errors.Is(err, secrets.ErrNotFound):
			fmt.Println("deleted")
			return // or go on: the watch would yield the next one
		case err != nil:
			fmt.Println(err)
			return
		case key.Version() == "v1":
			fmt.Println("serving with version", key.Version())
			provider.Set("tls/key", "two") // somebody rotates it
		default:
			old, _ := key.Previous()
			fmt.Println("serving with version", key.Version(), "after", old.Version())
			provider.Delete("tls/key")
		}
	}
	// Output:
	// serving with version v1
	// serving with version v2 after v1
	// deleted
}

// Only Watch ends with its context. What the resolver holds goes on to be
// refreshed.
func ExampleResolver_Watch() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"tls/key": "one"}))
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	for key, err := range r.Watch(ctx, "tls/key") {
		fmt.Println(key.Version(), err)
		cancel() // another goroutine, at the end of the program
	}
	// Output:
	// v1 <nil>
}
