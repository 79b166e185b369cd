package secretsql_test

import (
	"context"
	"fmt"

	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

// A Source serves what is no database/sql pool: a message broker, LDAP. Login
// calls the function again, with the next version, if this one is refused.
func ExampleSource() {
	provider := secretstest.NewProvider(map[string]string{"broker": `{"login":"app","secret":"one","host":"mq.internal","port":5671}`})
	provider.Disable(secretstest.Watch) // as a manager that is polled
	resolver, done := exampleResolver(provider)
	defer done()

	source := secretsql.NewSource(resolver, "broker", isRefused, secretsql.WithKeys("login", "secret"), secretsql.WithEndpoint())
	dial := func(_ context.Context, c secretsql.Credentials) error {
		fmt.Println("dialling", c.Host, c.Port, "as", c.User, "with", c.Password)
		if c.Password.Reveal() == "one" {
			provider.Set("broker", `{"login":"app","secret":"two","host":"mq.internal","port":5671}`) // rotated
			return errRefused
		}
		c.Accepted() // others need not wait for what comes of this attempt
		return nil
	}
	fmt.Println(source.Login(context.Background(), dial))
	// Output:
	// dialling mq.internal 5671 as app with [REDACTED]
	// dialling mq.internal 5671 as app with [REDACTED]
	// <nil>
}

// A connection that is kept asks whether its credentials are still the current
// ones.
func ExampleCredentials_Current() {
	provider := secretstest.NewProvider(map[string]string{"db/password": "one"})
	provider.Disable(secretstest.Watch)
	resolver, done := exampleResolver(provider)
	defer done()

	source := secretsql.NewSource(resolver, "db/password", isRefused, secretsql.WithUser("app"))
	var used secretsql.Credentials
	err := source.Login(context.Background(), func(_ context.Context, c secretsql.Credentials) error {
		used = c
		c.Accepted() // what a Connector says for its connections
		return nil
	})
	fmt.Println(used.Current(), used.WereAccepted(), err)

	provider.Set("db/password", "two")
	_, err = resolver.Refresh(context.Background(), "db/password") // or wait for the TTL
	fmt.Println(used.Current(), err)

	used.Refused() // the database said so on another connection
	fmt.Println(used.WereAccepted())
	// Output:
	// true true <nil>
	// false <nil>
	// false
}
