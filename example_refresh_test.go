package secrets_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Refresh reads now, whatever is held: for a signal handler, or an operator's
// button.
func ExampleResolver_Refresh() {
	r, provider, done := manager(map[string]string{"api-key": "one"})
	defer done()
	ctx := context.Background()

	key, _ := r.Get(ctx, "api-key")
	fmt.Println(key.Reveal())

	provider.Set("api-key", "two") // somebody rotates it
	key, _ = r.Get(ctx, "api-key")
	fmt.Println(key.Reveal(), "until the TTL")
	key, _ = r.Refresh(ctx, "api-key")
	fmt.Println(key.Reveal())
	// Output:
	// one
	// one until the TTL
	// two
}

// Invalidate is for code that is told of a refusal and cannot be called again:
// the next Get waits, for a second at most, until the backend has another
// version.
func ExampleResolver_Invalidate() {
	r, provider, done := manager(map[string]string{"api-key": "one"})
	defer done()
	ctx := context.Background()

	key, _ := r.Get(ctx, "api-key")
	provider.Set("api-key", "two")
	r.Invalidate(key) // the API said 401

	key, err := r.Get(ctx, "api-key")
	fmt.Println(key.Reveal(), err)
	r.Invalidate(secrets.Secret{}) // what is not the held version changes nothing
	// Output:
	// two <nil>
}

// List yields names and reads no values.
func ExampleResolver_List() {
	r, _, done := manager(map[string]string{"db/user": "app", "db/password": "one", "stripe/key": "k"})
	defer done()

	for name, err := range r.List(context.Background(), "db/") {
		fmt.Println(name, err)
	}
	// Output:
	// db/password <nil>
	// db/user <nil>
}

// A value that is held outlives its backend. Status tells from the first
// failure on, Healthy when something can no longer be served.
func ExampleResolver_Status() {
	r, provider, done := manager(map[string]string{"db": `{"user":"app","password":"one"}`})
	defer done()
	ctx := context.Background()

	_, _ = r.Get(ctx, "db/password")
	provider.Fail("db", secrets.ErrUnavailable)
	_, err := r.Refresh(ctx, "db/password")
	fmt.Println("refresh:", errors.Is(err, secrets.ErrUnavailable))

	for _, s := range r.Status() {
		fmt.Println(s.Names, s.Version, s.State, s.Class)
	}
	fmt.Println("healthy:", r.Healthy() == nil)
	// Output:
	// refresh: true
	// [db/password] v1 stale unavailable
	// healthy: true
}

// manager is a resolver on a backend that tells of no changes by itself, as a
// manager behind an API.
func manager(docs map[string]string, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider, func()) {
	provider := secretstest.NewProvider(docs)
	provider.Disable(secretstest.Watch)
	r := secrets.New(provider, opts...)
	return r, provider, func() { _ = r.Close() }
}

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
