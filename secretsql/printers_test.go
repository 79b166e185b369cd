package secretsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"testing"

	"github.com/davecgh/go-spew/spew"
	gomysql "github.com/go-sql-driver/mysql"
	gopgx "github.com/jackc/pgx/v5"
	"github.com/kr/pretty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretsql/mysql"
	"github.com/go-secrets/secrets/secretsql/pgx"
	"github.com/go-secrets/secrets/secretstest"
)

func TestNoPrinterGetsAtThePassword(t *testing.T) {
	if canary.Race {
		t.Skip("deep printers read locks without taking them; the suites without the race detector run this")
	}
	t.Parallel()
	secret, old := canary.New(), canary.New()
	db := newDatabase("app", secret)
	r, _ := secretstest.New(t, map[string]string{"db": document("app", secret)}, secrets.WithLogger(nil))
	connector := secretsql.New(r, "db", nil, db.connect, isRefused)
	pool := sql.OpenDB(connector)
	defer pool.Close()
	require.NoError(t, pool.PingContext(t.Context()), "an idle connection is in the pool")
	source := secretsql.NewSource(r, "db", isRefused)
	var made secretsql.Credentials
	require.NoError(t, source.Login(t.Context(), func(_ context.Context, c secretsql.Credentials) error { made = c; return nil }))

	postgres, err := gopgx.ParseConfig("postgres://app:" + old + "@127.0.0.1:1/d")
	require.NoError(t, err)
	maria, err := gomysql.ParseDSN("app:" + old + "@tcp(127.0.0.1:1)/d")
	require.NoError(t, err)
	ofPgx, ofMySQL := pgx.New(r, "db", postgres), mysql.New(r, "db", maria)
	conn, err := connector.Connect(t.Context())
	require.NoError(t, err)
	defer conn.Close()

	deep := spew.ConfigState{Indent: " ", DisableMethods: true, DisablePointerMethods: true}
	for name, container := range map[string]any{
		"a source": source, "a connector": connector, "a pool with a connection": pool, "a connection": conn, "credentials": made,
		"a connector of pgx": ofPgx, "a pool of pgx": sql.OpenDB(ofPgx), "a connector of mysql": ofMySQL, "a pool of mysql": sql.OpenDB(ofMySQL),
		"a struct that holds them": struct {
			db        *sql.DB
			connector driver.Connector
		}{pool, connector},
	} {
		for printer, text := range map[string]string{"spew": deep.Sdump(container), "fmt": fmt.Sprintf("%v %+v %#v", container, container, container), "pretty": pretty.Sprint(container)} {
			for what, value := range map[string]string{"the password": secret, "that of the connection string": old} {
				_, found := canary.For(value).Text(text)
				assert.False(t, found, "%s shows %s in %s", printer, what, name)
			}
		}
	}
	_, found := canary.For(old).Text(deep.Sdump(postgres))
	assert.True(t, found, "the test can fail")
}
