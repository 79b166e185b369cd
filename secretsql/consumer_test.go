package secretsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

// Two databases take the same secret: what one of them refuses is no matter of
// the other's.
func TestPoolsOfTwoDatabases(t *testing.T) {
	two := func(t *testing.T, a, b *database) (*sql.DB, *sql.DB, *secretstest.Provider, *secrets.Resolver) {
		r, p := secretstest.New(t, map[string]string{"db": document("app", "one")}, secrets.WithLogger(nil))
		p.Disable(secretstest.Watch)
		open := func(db *database) *sql.DB {
			pool := sql.OpenDB(secretsql.New(r, "db", nil, db.connect, isRefused))
			pool.SetMaxIdleConns(0) // every query makes a connection
			t.Cleanup(func() { _ = pool.Close() })
			return pool
		}
		return open(a), open(b), p, r
	}

	t.Run("the one that works goes on while the other refuses", in(func(t *testing.T) {
		good, bad := newDatabase("app", "one"), newDatabase("app", "another")
		works, fails, _, _ := two(t, good, bad)
		require.NoError(t, works.PingContext(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for ctx.Err() == nil {
					assert.ErrorIs(t, fails.PingContext(context.WithoutCancel(ctx)), secrets.ErrUnauthenticated)
					time.Sleep(100 * time.Millisecond)
				}
			})
			wg.Go(func() {
				for ctx.Err() == nil {
					start := time.Now()
					assert.NoError(t, works.PingContext(context.WithoutCancel(ctx)))
					assert.Zero(t, time.Since(start))
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 5, bad.tried("app", "one"), "in ten minutes, by ten workers")
	}))

	t.Run("the one that comes later tries at once", in(func(t *testing.T) {
		good, bad := newDatabase("app", "one"), newDatabase("app", "another")
		works, fails, _, _ := two(t, good, bad)
		require.Error(t, fails.PingContext(t.Context()))
		start := time.Now()
		require.NoError(t, works.PingContext(t.Context()))
		assert.Zero(t, time.Since(start))
	}))

	t.Run("both see the rotation that either of them asks for", in(func(t *testing.T) {
		a, b := newDatabase("app", "one"), newDatabase("app", "one")
		first, second, p, _ := two(t, a, b)
		require.NoError(t, first.PingContext(t.Context()))
		require.NoError(t, second.PingContext(t.Context()))
		a.set("app", "two")
		b.set("app", "two")
		p.Set("db", document("app", "two"))
		require.NoError(t, first.PingContext(t.Context()))
		require.NoError(t, second.PingContext(t.Context()))
		assert.Equal(t, 1, b.tried("app", "one"), "the second was never refused")
	}))
}

func TestWhatPanicsOrEndsItsGoroutineWhileConnectingHoldsNobodyUp(t *testing.T) {
	for name, breaks := range map[string]func(){"a panic": func() { panic("with hunter2") }, "Goexit": runtime.Goexit} {
		for _, place := range []string{"the driver", "the judgement of an error"} {
			t.Run(name+" in "+place, in(func(t *testing.T) {
				db := newDatabase("app", "one")
				r, p := secretstest.New(t, map[string]string{"db": document("app", "one")}, secrets.WithLogger(nil))
				p.Disable(secretstest.Watch)
				broken := true
				pool := sql.OpenDB(secretsql.New(r, "db", nil, func(ctx context.Context, c secretsql.Credentials) (driver.Conn, error) {
					switch {
					case broken && place == "the driver":
						breaks()
					case broken:
						return nil, errors.New("no")
					}
					return db.connect(ctx, c)
				}, func(err error) bool {
					if broken {
						breaks()
					}
					return isRefused(err)
				}))
				t.Cleanup(func() { _ = pool.Close() })
				pool.SetMaxOpenConns(1) // database/sql counts a connection that never comes
				for range 3 {
					_, err := pool.Conn(t.Context())
					require.ErrorContains(t, err, map[string]string{"the driver": "the function that connects", "the judgement of an error": "no"}[place])
					assert.NotContains(t, err.Error(), "hunter2")
				}
				broken = false
				begun := time.Now()
				require.NoError(t, pool.PingContext(t.Context()))
				assert.Less(t, time.Since(begun), time.Second)
			}))
		}
	}
}

func TestAFunctionThatConnectsToNothingIsAnError(t *testing.T) {
	t.Parallel()
	r, _ := secretstest.New(t, map[string]string{"db": document("app", "one")}, secrets.WithLogger(nil))
	pool := sql.OpenDB(secretsql.New(r, "db", nil, func(context.Context, secretsql.Credentials) (driver.Conn, error) { return nil, nil }, nil))
	defer pool.Close()
	require.ErrorIs(t, pool.PingContext(t.Context()), secrets.ErrInvalid)
	down := sql.OpenDB(secretsql.New(r, "db", nil, func(context.Context, secretsql.Credentials) (driver.Conn, error) { return nil, errRefused }, nil))
	defer down.Close()
	require.ErrorIs(t, down.PingContext(t.Context()), errRefused, "and without a judge no error is a refusal")
}
