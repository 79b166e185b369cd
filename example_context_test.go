package secrets_test

import (
	"context"
	"fmt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

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
