package secrets_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Get, Load, Preload and Watch use the default resolver, which is opened from
// SECRETS_URL when it is first needed. A program that opens its own makes it
// the default.
func ExampleSetDefault() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"api-key": "k1"}))
	defer r.Close()
	secrets.SetDefault(r)
	defer secrets.SetDefault(nil) // opened from the environment again when it is next needed

	key, err := secrets.Get(context.Background(), "api-key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// k1 <nil>
}

// Default opens the resolver now, so that a mistake in SECRETS_URL ends the
// program at its start; and main can close it, which gives leases back.
func ExampleDefault() {
	// What the deployment sets, and package envfile reads.
	for variable, text := range map[string]string{"SECRETS_URL": "env://?prefix=EXAMPLE_", "EXAMPLE_API_KEY": "k1"} {
		_ = os.Setenv(variable, text)
		defer os.Unsetenv(variable)
	}

	r, err := secrets.Default()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	defer secrets.SetDefault(nil) // other examples open theirs

	key, err := secrets.Get(context.Background(), "api/key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// k1 <nil>
}

// Before a process becomes another one (exec), Detach ends what the resolver
// does, and leaves the leases to the new program.
func ExampleResolver_Detach() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"api-key": "k1"}))
	fmt.Println(r.Detach())

	_, err := r.Get(context.Background(), "api-key")
	fmt.Println(err)
	// Output:
	// <nil>
	// secrets: get "api-key": closed
}

// A context can carry the secrets of one tenant, or of one test. In a test,
// secretstest.Context(t, map[string]string{…}) does both lines.
func ExampleNewContext() {
	greet := func(ctx context.Context) {
		key, err := secrets.Get(ctx, "api-key") // the code under test, unchanged
		fmt.Println(key.Reveal(), err)
	}
	for _, value := range []string{"key of one test", "key of another"} {
		r := secrets.New(secretstest.NewProvider(map[string]string{"api-key": value}))
		greet(secrets.NewContext(context.Background(), r))
		_ = r.Close()
	}
	// Output:
	// key of one test <nil>
	// key of another <nil>
}
