package secrets_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// A password is rotated in the database, and a moment later in the backend.
// Whoever is refused meanwhile gets the new one, and its callers notice
// nothing.
func ExampleResolver_Retry() {
	provider := secretstest.NewProvider(map[string]string{"db/password": "old"})
	provider.Disable(secretstest.Watch) // as a manager that is polled
	r := secrets.New(provider)
	defer r.Close()
	ctx := context.Background()

	errRefused := errors.New("28P01: password authentication failed")
	login := func(_ context.Context, password secrets.Secret) error {
		if password.Reveal() == "old" {
			provider.Set("db/password", "new") // the backend has it now, too
			fmt.Println("version", password.Version(), "is refused")
			return errRefused
		}
		fmt.Println("version", password.Version(), "is accepted")
		return nil
	}
	rejected := func(err error) bool { return errors.Is(err, errRefused) }

	fmt.Println(r.Retry(ctx, "db/password", rejected, login))
	// Output:
	// version v1 is refused
	// version v2 is accepted
	// <nil>
}
