package databases_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgbouncer"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
)

// perishes is how often a query ends its connection, so that new ones are made
// in every moment of a rotation.
const perishes = 10

func overSQL(t *testing.T, r *secrets.Resolver, addr string) func(context.Context, int64) error {
	t.Helper()
	db, err := secretpgx.Open(r, "db", "postgres://"+addr+"/postgres?sslmode=disable&default_query_exec_mode=exec")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return func(ctx context.Context, n int64) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		var one int
		if err := conn.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil || n%perishes != 0 {
			return err
		}
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return nil
	}
}

func overPool(t *testing.T, r *secrets.Resolver, addr string) func(context.Context, int64) error {
	t.Helper()
	p, err := secretpgxpool.New(t.Context(), r, "db", "postgres://"+addr+"/postgres?sslmode=disable&default_query_exec_mode=exec&pool_max_conns=8")
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return func(ctx context.Context, n int64) error {
		return p.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
			var one int
			if err := c.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil || n%perishes != 0 {
				return err
			}
			return c.Conn().Close(ctx)
		})
	}
}

func TestARotationBehindPgBouncerFailsNoQuery(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T, *secrets.Resolver, string) func(context.Context, int64) error{"database sql": overSQL, "pgxpool": overPool} {
		for _, auth := range []string{"scram-sha-256", "md5"} {
			t.Run(name+", "+auth, func(t *testing.T) {
				pg := pgserver.Start(t)
				if auth == "md5" {
					pg.Exec(t, "ALTER SYSTEM SET password_encryption = 'md5'")
					pg.Exec(t, "SELECT pg_reload_conf()")
					hba(t, pg, "host all postgres 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 md5")
				}
				role(t, pg, "app", "password-0")
				b := pgbouncer.Start(t, pg, auth, nil)
				r, p := held(t, "app", "password-0")
				l := start(t, 10, open(t, r, b.Addr()))
				pause(t, time.Second)
				for n := 1; n <= 2; n++ {
					password := fmt.Sprintf("password-%d", n)
					role(t, pg, "app", password) // the database first
					pause(t, lag)
					p.Set("db", document("app", password))
					pause(t, 3*time.Second)
				}
				l.end(t)
				t.Logf("%d reads of the secret", p.Reads("db"))
			})
		}
	}
}

// hba replaces the lines of pg_hba.conf.
func hba(t *testing.T, pg *pgserver.Server, lines ...string) {
	t.Helper()
	path := pg.Strings(t, "SHOW hba_file")[0]
	values := ""
	for i, line := range lines {
		if i > 0 {
			values += ", "
		}
		values += "('" + line + "')"
	}
	pg.Exec(t, fmt.Sprintf("COPY (VALUES %s) TO '%s'", values, path))
	pg.Exec(t, "SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		return len(pg.Strings(t, "SELECT database::text FROM pg_hba_file_rules")) == len(lines)
	}, 10*time.Second, 20*time.Millisecond)
}

func TestWhatIsARefusalOfCredentials(t *testing.T) {
	t.Parallel()
	pg := pgserver.Start(t)
	role(t, pg, "app", "right")
	role(t, pg, "locked", "right")
	pg.Exec(t, "ALTER ROLE locked NOLOGIN")
	role(t, pg, "rejected", "right")
	role(t, pg, "unlisted", "right")
	hba(t, pg, "host all postgres,app,locked,gone 127.0.0.1/32 scram-sha-256", "host all rejected 127.0.0.1/32 reject")
	scram := pgbouncer.Start(t, pg, "scram-sha-256", nil)
	md5 := pgbouncer.Start(t, pg, "md5", map[string]string{"app": "stale"})
	for name, test := range map[string]struct {
		dsn  string
		want bool
	}{
		"PostgreSQL: a wrong password":                      {pg.DSNFor("app", "wrong"), true},
		"PostgreSQL: a user that is gone":                   {pg.DSNFor("gone", "right"), true},
		"PostgreSQL: a user that may not log in":            {pg.DSNFor("locked", "right"), true},
		"PostgreSQL: a user that pg_hba.conf does not have": {pg.DSNFor("unlisted", "right"), false},
		"PostgreSQL: a user that pg_hba.conf rejects":       {pg.DSNFor("rejected", "right"), false},
		"PgBouncer, SCRAM: a wrong password":                {scram.DSN("app", "wrong"), true},
		"PgBouncer, SCRAM: a user that is gone":             {scram.DSN("gone", "right"), true},
		"PgBouncer, MD5: a wrong password":                  {md5.DSN("app", "wrong"), true},
		"PgBouncer: a refusal that it relays":               {md5.DSN("app", "stale"), true},
		"PgBouncer: what pg_hba.conf says, relayed":         {scram.DSN("unlisted", "right"), false},
		"PgBouncer: no such database":                       {"postgres://app:stale@" + md5.Addr() + "/none?sslmode=disable", false},
	} {
		conn, err := pgx.Connect(t.Context(), test.dsn)
		if err == nil {
			_, err = conn.Exec(t.Context(), "SELECT 1")
			_ = conn.Close(t.Context())
		}
		if assert.Error(t, err, name) {
			assert.Equal(t, test.want, secretpgx.Rejected(err), "%s: %v", name, err)
		}
	}
}
