package secrets_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-secrets/secrets"
)

// What a program cannot do without it reads at its start, in as few calls as
// the backend allows, and with every missing name told at once.
func ExamplePreload() {
	r, provider, done := manager(map[string]string{
		"db":         `{"user":"app","password":"correct horse"}`,
		"stripe/key": "sk_live_1",
	})
	defer done()
	ctx := secrets.NewContext(context.Background(), r)

	fmt.Println(secrets.Preload(ctx, "db/user", "db/password", "stripe/key"))
	fmt.Println("calls:", provider.Calls().Batches+provider.Calls().Fetches)

	err := secrets.Preload(ctx, "stripe/key", "sentry/dsn")
	fmt.Println(errors.Is(err, secrets.ErrNotFound))
	// Output:
	// <nil>
	// calls: 1
	// true
}

// Names that are fields of one document are one read, and a Get after it none.
func ExampleResolver_Preload() {
	r, provider, done := manager(map[string]string{"db": `{"user":"app","password":"correct horse"}`})
	defer done()

	fmt.Println(r.Preload(context.Background(), "db#user", "db#password"))
	user, err := r.Get(context.Background(), "db#user")
	fmt.Println(user.Reveal(), err, provider.Reads("db"))
	// Output:
	// <nil>
	// app <nil> 1
}
