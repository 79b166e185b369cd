package secretsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

// Any driver that can connect with a user and a password fits; isRefused tells
// its error for a wrong password from others.
func ExampleNew() {
	provider := secretstest.NewProvider(map[string]string{"db": `{"username":"app","password":"one"}`})
	resolver, done := exampleResolver(provider)
	defer done()
	database := newDatabase("app", "one")

	connect := func(ctx context.Context, c secretsql.Credentials) (driver.Conn, error) {
		return database.connect(ctx, c) // the driver's own, with c.User and c.Password.Reveal()
	}
	pool := sql.OpenDB(secretsql.New(resolver, "db", nil, connect, isRefused))
	defer pool.Close()

	var user, way string
	fmt.Println(pool.QueryRow("SELECT").Scan(&user, &way), user)

	// Somebody rotates: the database, and the secret.
	database.set("app", "two")
	provider.Set("db", `{"username":"app","password":"two"}`)
	_, _ = resolver.Refresh(context.Background(), "db") // or wait for the TTL, or for a refusal

	fmt.Println(pool.QueryRow("SELECT").Scan(&user, &way), user)
	// Output:
	// <nil> app:one
	// <nil> app:two
}
