package secretsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

// connected returns a pool of one connection, and what the driver made.
func connected(t *testing.T, of func(*bareConn) driver.Conn) (*sql.DB, driver.Conn, driver.Conn) {
	t.Helper()
	db := newDatabase("app", "one")
	r, _ := secretstest.New(t, map[string]string{"db": document("app", "one")})
	var made driver.Conn
	pool := sql.OpenDB(secretsql.New(r, "db", nil, func(ctx context.Context, c secretsql.Credentials) (driver.Conn, error) {
		bare, err := db.login(ctx, c)
		if err != nil {
			return nil, err
		}
		made = of(bare)
		return made, nil
	}, isRefused))
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = pool.Close() })
	require.NoError(t, pool.PingContext(t.Context()))
	c, err := pool.Conn(t.Context())
	require.NoError(t, err)
	defer c.Close()
	var wrapped driver.Conn
	require.NoError(t, c.Raw(func(conn any) error {
		wrapped = conn.(driver.Conn)
		return nil
	}))
	return pool, made, wrapped
}

func way(t *testing.T, pool *sql.DB, args ...any) string {
	t.Helper()
	var user, way string
	require.NoError(t, pool.QueryRowContext(t.Context(), "select", args...).Scan(&user, &way))
	return way
}

func TestAWrappedConnectionCanDoWhatTheDriversCan(t *testing.T) {
	t.Parallel()

	t.Run("all of it", func(t *testing.T) {
		t.Parallel()
		pool, made, wrapped := connected(t, func(c *bareConn) driver.Conn { return &richConn{bareConn: c} })
		rich := made.(*richConn)
		rich.did = nil
		assert.Equal(t, "queried", way(t, pool))
		assert.Equal(t, "checked 1s", way(t, pool, time.Second), "its NamedValueChecker is asked")
		result, err := pool.ExecContext(t.Context(), "insert")
		require.NoError(t, err)
		n, _ := result.RowsAffected()
		assert.Equal(t, int64(7), n)
		stmt, err := pool.PrepareContext(t.Context(), "select")
		require.NoError(t, err)
		require.NoError(t, stmt.Close())
		require.NoError(t, pool.PingContext(t.Context()))
		begun, err := pool.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
		require.NoError(t, err)
		require.NoError(t, begun.Commit())
		assert.Equal(t, driver.TxOptions{Isolation: driver.IsolationLevel(sql.LevelSerializable), ReadOnly: true}, rich.options)
		assert.Subset(t, rich.did, []string{"reset", "exec", "prepare", "ping"})
		assert.Same(t, made, wrapped.(interface{ Raw() driver.Conn }).Raw())

		rich.invalid = true
		assert.Equal(t, "queried", way(t, pool), "in use it is not looked at")
		assert.True(t, rich.closed, "its Validator is asked when it comes back")
	})

	t.Run("refuses a session that the driver's own cannot reset", func(t *testing.T) {
		t.Parallel()
		pool, made, _ := connected(t, func(c *bareConn) driver.Conn { return &richConn{bareConn: c} })
		made.(*richConn).broken = true
		assert.Equal(t, "queried", way(t, pool))
		assert.True(t, made.(*richConn).closed)
	})

	t.Run("no more than the least that a driver must do", func(t *testing.T) {
		t.Parallel()
		pool, made, wrapped := connected(t, func(c *bareConn) driver.Conn { return c })
		_, execs := wrapped.(driver.ExecerContext)
		_, queries := wrapped.(driver.QueryerContext)
		assert.False(t, execs || queries)
		assert.Equal(t, "prepared", way(t, pool))
		assert.Equal(t, "prepared", way(t, pool, 1, "two", time.Now()), "arguments are converted by default")
		_, err := pool.ExecContext(t.Context(), "insert", 1)
		require.NoError(t, err)
		require.NoError(t, pool.PingContext(t.Context()))

		begun, err := pool.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, begun.Rollback())
		assert.Equal(t, 1, made.(*bareConn).begun)
		_, err = pool.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
		require.ErrorContains(t, err, "read-only")
		_, err = pool.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		require.ErrorContains(t, err, "isolation")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = wrapped.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
		require.ErrorIs(t, err, context.Canceled)
		_, err = wrapped.(driver.ConnPrepareContext).PrepareContext(ctx, "select")
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("a driver from before contexts", func(t *testing.T) {
		t.Parallel()
		pool, _, wrapped := connected(t, func(c *bareConn) driver.Conn { return &legacyConn{c} })
		assert.Equal(t, "legacy", way(t, pool, 1))
		result, err := pool.ExecContext(t.Context(), "insert")
		require.NoError(t, err)
		n, _ := result.RowsAffected()
		assert.Equal(t, int64(3), n)
		_, err = pool.ExecContext(t.Context(), "insert", sql.Named("a", 1))
		require.ErrorContains(t, err, "named")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = wrapped.(driver.QueryerContext).QueryContext(ctx, "select", nil)
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("one of two", func(t *testing.T) {
		t.Parallel()
		_, _, wrapped := connected(t, func(c *bareConn) driver.Conn {
			return &struct {
				*bareConn
				driver.ExecerContext
			}{c, &richConn{bareConn: c}}
		})
		_, execs := wrapped.(driver.ExecerContext)
		_, queries := wrapped.(driver.QueryerContext)
		assert.True(t, execs)
		assert.False(t, queries)
		_, _, wrapped = connected(t, func(c *bareConn) driver.Conn {
			return &struct {
				*bareConn
				driver.QueryerContext
			}{c, &richConn{bareConn: c}}
		})
		_, execs = wrapped.(driver.ExecerContext)
		_, queries = wrapped.(driver.QueryerContext)
		assert.False(t, execs)
		assert.True(t, queries)
	})
}

func TestDriver(t *testing.T) {
	t.Parallel()
	_, err := secretsql.New(nil, "db", nil, nil, isRefused).Driver().Open("dsn")
	require.ErrorIs(t, err, secrets.ErrInvalid)
}

func TestTheDefaultResolverIsUsedWithoutOne(t *testing.T) {
	db := newDatabase("app", "one")
	secretstest.Set(t, map[string]string{"db": document("app", "one")})
	pool := sql.OpenDB(secretsql.New(nil, "db", nil, db.connect, isRefused))
	defer pool.Close()
	require.NoError(t, pool.PingContext(t.Context()))
	require.NoError(t, pool.PingContext(t.Context()))
	assert.Equal(t, 1, db.tried("app", "one"))
}

func BenchmarkCurrent(b *testing.B) {
	r, _ := secretstest.New(b, map[string]string{"db": document("app", "one")})
	var c secretsql.Credentials
	err := secretsql.NewSource(r, "db", isRefused).Login(b.Context(), func(_ context.Context, got secretsql.Credentials) error {
		c = got
		return nil
	})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if !c.Current() {
			b.Fatal("replaced")
		}
	}
}
