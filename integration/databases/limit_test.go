package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
)

func TestAUserThatMayHaveOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	pg := pgserver.Start(t)
	dsn := "postgres://" + pg.Addr() + "/postgres?sslmode=disable"
	for name, open := range map[string]func(t *testing.T, r *secrets.Resolver) func(context.Context) error{
		"pgxpool": func(t *testing.T, r *secrets.Resolver) func(context.Context) error {
			p, err := secretpgxpool.New(t.Context(), r, "db", dsn+"&pool_max_conns=1")
			require.NoError(t, err)
			t.Cleanup(p.Close)
			return func(ctx context.Context) error {
				_, err := p.Exec(ctx, "SELECT 1")
				return err
			}
		},
		"database_sql": func(t *testing.T, r *secrets.Resolver) func(context.Context) error {
			db, err := secretpgx.Open(r, "db", dsn)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			db.SetMaxOpenConns(1)
			return func(ctx context.Context) error {
				_, err := db.ExecContext(ctx, "SELECT 1")
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := "one_" + name
			role(t, pg, user, "password-0", "CONNECTION LIMIT 1")
			r, p := held(t, user, "password-0")
			query := open(t, r)
			l := start(t, 3, func(ctx context.Context, _ int64) error { return query(ctx) })
			for n := 1; n <= 3; n++ {
				pause(t, 500*time.Millisecond)
				password := fmt.Sprintf("password-%d", n)
				role(t, pg, user, password)
				p.Set("db", document(user, password))
				_, err := r.Refresh(t.Context(), "db")
				require.NoError(t, err)
			}
			pause(t, 500*time.Millisecond)
			l.end(t)
		})
	}
}

func TestHooksOfPgx(t *testing.T) {
	t.Parallel()
	pg := pgserver.Start(t)
	role(t, pg, "hooked", "password", "CONNECTION LIMIT 1")
	cfg, err := pgx.ParseConfig("postgres://" + pg.Addr() + "/postgres?sslmode=disable")
	require.NoError(t, err)
	open := func(t *testing.T, hooks secretpgx.Hooks) (*sql.DB, func() int) {
		r, p := held(t, "hooked", "password")
		db := sql.OpenDB(secretpgx.NewWithHooks(r, "db", cfg, hooks))
		t.Cleanup(func() { _ = db.Close() })
		return db, func() int { return p.Reads("db") }
	}
	forgotten := func(t *testing.T) { // the server takes a moment to forget a connection
		require.Eventually(t, func() bool {
			return len(pg.Strings(t, "SELECT usename FROM pg_stat_activity WHERE usename = 'hooked'")) == 0
		}, 5*time.Second, 20*time.Millisecond)
	}

	t.Run("are called", func(t *testing.T) {
		var reset, asked int
		db, _ := open(t, secretpgx.Hooks{
			BeforeConnect: func(_ context.Context, cfg *pgx.ConnConfig) error {
				assert.NotEqual(t, "password", cfg.Password, "it sees no password")
				cfg.RuntimeParams = map[string]string{"application_name": "before"}
				return nil
			},
			AfterConnect: func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, "SET search_path = after")
				return err
			},
			ResetSession: func(context.Context, *pgx.Conn) error { reset++; return nil },
			ShouldPing:   func(context.Context, stdlib.ShouldPingParams) bool { asked++; return false },
		})
		for range 3 {
			var name, path string
			require.NoError(t, db.QueryRowContext(t.Context(), "SELECT current_setting('application_name'), current_setting('search_path')").Scan(&name, &path))
			assert.Equal(t, "before after", name+" "+path)
		}
		assert.Equal(t, 2, reset)
		assert.Equal(t, 2, asked)
	})

	t.Run("that fail close the connection, refuse no credentials, and are tried again", func(t *testing.T) {
		forgotten(t)
		fail := errors.Join(errors.New("not yet"), &pgconn.PgError{Code: "28P01", Message: "of another server"})
		db, reads := open(t, secretpgx.Hooks{AfterConnect: func(context.Context, *pgx.Conn) error { return fail }})
		begun := time.Now()
		require.ErrorContains(t, db.PingContext(t.Context()), "not yet")
		assert.Less(t, time.Since(begun), 5*time.Second, "no other version is waited for")
		assert.Equal(t, 1, reads())
		fail = nil
		require.Eventually(t, func() bool { return db.PingContext(t.Context()) == nil }, 5*time.Second, 20*time.Millisecond, "the user's only connection is free")

		broken := errors.New("no place")
		db, _ = open(t, secretpgx.Hooks{BeforeConnect: func(context.Context, *pgx.ConnConfig) error { return broken }})
		require.ErrorIs(t, db.PingContext(t.Context()), broken)
	})

	t.Run("that panic leave the connection closed", func(t *testing.T) {
		forgotten(t)
		panics := true
		db, _ := open(t, secretpgx.Hooks{AfterConnect: func(context.Context, *pgx.Conn) error {
			if panics {
				panic("a hook")
			}
			return nil
		}})
		db.SetMaxOpenConns(1)
		require.ErrorContains(t, db.PingContext(t.Context()), "panicked")
		panics = false
		require.Eventually(t, func() bool { return db.PingContext(t.Context()) == nil }, 5*time.Second, 20*time.Millisecond)
	})
}
