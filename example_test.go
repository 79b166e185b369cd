package secrets_test

import (
	"context"
	"fmt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// infrastructure stands in these examples for what SECRETS_URL names in a
// deployment: it returns a context in which the package functions find docs.
func infrastructure(docs map[string]string) (ctx context.Context, provider *secretstest.Provider, done func()) {
	provider = secretstest.NewProvider(docs)
	r := secrets.New(provider)
	return secrets.NewContext(context.Background(), r), provider, func() { _ = r.Close() }
}

// A program asks for a secret by name, when it needs it.
func Example() {
	ctx, _, done := infrastructure(map[string]string{"db": `{"user":"app","password":"correct horse"}`})
	defer done()

	password, err := secrets.Get(ctx, "db/password")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("connecting with", password)
	connect(password.Reveal())
	// Output:
	// connecting with [REDACTED]
	// connected
}

func connect(password string) {
	if password == "correct horse" {
		fmt.Println("connected")
	}
}
