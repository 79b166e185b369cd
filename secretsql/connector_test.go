package secretsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

func document(user, password string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
}

// in runs a test in a bubble: its time is synctest's.
func in(f func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// start returns a pool on a secret that only changes when it is read again.
func start(t *testing.T, db *database, doc string, opts ...secrets.Option) (*sql.DB, *secretstest.Provider, *secrets.Resolver) {
	t.Helper()
	r, p := secretstest.New(t, map[string]string{"db": doc}, append([]secrets.Option{secrets.WithLogger(nil)}, opts...)...)
	p.Disable(secretstest.Watch)
	pool := sql.OpenDB(secretsql.New(r, "db", nil, db.connect, isRefused))
	t.Cleanup(func() { _ = pool.Close() })
	return pool, p, r
}

func whoami(t *testing.T, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) string {
	t.Helper()
	var user, way string
	require.NoError(t, q.QueryRowContext(t.Context(), "select").Scan(&user, &way))
	return user
}

func TestRotation(t *testing.T) {
	t.Run("replaces what is in the pool, and cuts no connection that is in use", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, p, r := start(t, db, document("app", "one"))
		pool.SetMaxIdleConns(5)
		var idle []*sql.Conn
		for range 3 {
			c, err := pool.Conn(t.Context())
			require.NoError(t, err)
			idle = append(idle, c)
		}
		busy, err := pool.Conn(t.Context())
		require.NoError(t, err)
		for _, c := range idle {
			require.NoError(t, c.Close())
		}
		require.Equal(t, 4, db.opened())

		db.set("app", "two")
		p.Set("db", document("app", "two"))
		_, err = r.Refresh(t.Context(), "db")
		require.NoError(t, err)

		assert.Equal(t, "app:two", whoami(t, pool), "what is idle is not used any more")
		assert.Equal(t, "app:one", whoami(t, busy), "what is in use goes on")
		require.NoError(t, busy.Close())
		for range 3 {
			assert.Equal(t, "app:two", whoami(t, pool))
		}
		assert.Less(t, db.opened(), 4, "what came back was retired")
	}))

	t.Run("in one step, the secret two seconds behind the database, fails no query", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, p, _ := start(t, db, document("app", "one"))
		pool.SetMaxIdleConns(0) // every query makes a connection
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var failed, done atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if err := pool.PingContext(context.WithoutCancel(ctx)); err != nil {
						failed.Add(1)
						t.Log(err)
					}
					done.Add(1)
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		db.set("app", "two")
		time.Sleep(2 * time.Second)
		p.Set("db", document("app", "two"))
		wg.Wait()
		assert.Zero(t, failed.Load())
		assert.Greater(t, done.Load(), int32(5000))
		assert.LessOrEqual(t, p.Reads("db"), 10)

	}))

	t.Run("that changes nothing but other fields keeps the connections", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, p, r := start(t, db, document("app", "one"))
		require.NoError(t, pool.PingContext(t.Context()))
		p.Set("db", `{"username":"app","password":"one","note":"looked at"}`)
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, pool.PingContext(t.Context()))
		}
		assert.Equal(t, 1, db.tried("app", "one"))
	}))

	t.Run("to a document that somebody broke goes on with the last good one", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, p, r := start(t, db, document("app", "one"))
		pool.SetMaxIdleConns(0)
		require.NoError(t, pool.PingContext(t.Context()))
		p.Set("db", `{"username":"app"}`)
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		require.NoError(t, pool.PingContext(t.Context()))
		p.Set("db", document("app", "two"))
		db.set("app", "two")
		_, err = r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		require.NoError(t, pool.PingContext(t.Context()))
	}))

	t.Run("is not looked for where nothing is held, and does not read for each query", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, p, _ := start(t, db, document("app", "one"), secrets.WithTTL(0))
		require.NoError(t, pool.PingContext(t.Context()))
		for range 1000 {
			require.NoError(t, pool.PingContext(t.Context()))
		}
		assert.LessOrEqual(t, p.Reads("db"), 3)
	}))
}

func TestAWrongPassword(t *testing.T) {
	t.Run("is tried once by fifty workers, then at most once per backoff step", in(func(t *testing.T) {
		db := newDatabase("app", "right")
		pool, p, _ := start(t, db, document("app", "wrong"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		var last atomic.Value
		for range 50 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if err := pool.PingContext(ctx); err != nil && ctx.Err() == nil {
						last.Store(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(4 * time.Second)
		assert.Equal(t, 1, db.tried("app", "wrong"), "one round is one attempt")
		wg.Wait()
		assert.LessOrEqual(t, db.tried("app", "wrong"), 1+5, "5, 10, 20, 40, 80 s")
		assert.LessOrEqual(t, p.Reads("db"), 60)
		err := last.Load().(error)
		require.ErrorIs(t, err, errRefused)
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.ErrorContains(t, err, "was rejected")
		assert.NotContains(t, err.Error(), "wrong")

		p.Set("db", document("app", "right"))
		time.Sleep(6 * time.Minute) // a TTL, and the secret is in use no more
		require.NoError(t, pool.PingContext(t.Context()))
	}))

	t.Run("does not hold up those who come when the database is merely slow", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, _, _ := start(t, db, document("app", "one"))
		db.slow = make(chan struct{})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { assert.NoError(t, pool.PingContext(t.Context())) })
		}
		time.Sleep(1900 * time.Millisecond)
		assert.Equal(t, 1, db.tried("app", "one"))
		time.Sleep(200 * time.Millisecond)
		assert.Equal(t, 10, db.tried("app", "one"))
		close(db.slow)
		wg.Wait()
	}))

	t.Run("is not what a database that is down says", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, p, _ := start(t, db, document("app", "one"))
		db.fail(errors.New("connection refused"))
		for range 5 {
			require.ErrorContains(t, pool.PingContext(t.Context()), "connection refused")
		}
		db.fail(nil)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("obeys the context of who waits", in(func(t *testing.T) {
		db := newDatabase("app", "one")
		pool, _, _ := start(t, db, document("app", "one"))
		db.slow = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				begun := time.Now()
				assert.ErrorIs(t, pool.PingContext(ctx), context.DeadlineExceeded)
				assert.Equal(t, time.Second, time.Since(begun))
			})
		}
		wg.Wait()
		close(db.slow)
	}))
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	login := func(t *testing.T, doc, name string, opts ...secretsql.Option) (c secretsql.Credentials, err error) {
		r, _ := secretstest.New(t, map[string]string{"db": doc}, secrets.WithLogger(nil))
		err = secretsql.NewSource(r, name, isRefused, opts...).Login(t.Context(), func(_ context.Context, got secretsql.Credentials) error {
			c = got
			return nil
		})
		return c, err
	}
	for name, test := range map[string]struct {
		doc, name string
		opts      []secretsql.Option
		user      string
		place     string
	}{
		"username and password":                 {doc: `{"username":"app","password":"pw"}`, user: "app"},
		"user and password":                     {doc: `{"user":"app","password":"pw"}`, user: "app"},
		"the endpoint is ignored unless asked":  {doc: `{"user":"app","password":"pw","host":"h","port":1}`, user: "app"},
		"the endpoint, as RDS writes it":        {doc: `{"engine":"postgres","username":"app","password":"pw","host":"h","port":5432,"dbname":"d"}`, opts: []secretsql.Option{secretsql.WithEndpoint()}, user: "app", place: "h:5432/d"},
		"a part of the endpoint, as text":       {doc: `{"username":"app","password":"pw","port":"1","database":"d"}`, opts: []secretsql.Option{secretsql.WithEndpoint()}, user: "app", place: ":1/d"},
		"keys of one's own":                     {doc: `{"login":"app","secret":"pw"}`, opts: []secretsql.Option{secretsql.WithKeys("login", "secret")}, user: "app"},
		"the password alone, and a fixed user":  {doc: `pw`, opts: []secretsql.Option{secretsql.WithUser("root")}, user: "root"},
		"a field as password, and a fixed user": {doc: `{"root-password":"pw"}`, name: "db#root-password", opts: []secretsql.Option{secretsql.WithUser("root")}, user: "root"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.name == "" {
				test.name = "db"
			}
			c, err := login(t, test.doc, test.name, test.opts...)
			require.NoError(t, err)
			assert.Equal(t, test.user, c.User)
			secretstest.AssertEqual(t, "pw", c.Password)
			place := ""
			if c.Host != "" || c.Port != 0 {
				place = fmt.Sprintf("%s:%d/%s", c.Host, c.Port, c.Database)
			}
			assert.Equal(t, test.place, place)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), "pw")
		})
	}
	for name, doc := range map[string]string{
		"no JSON object":           "canary-value",
		"no user":                  `{"password":"canary-value"}`,
		"no password":              `{"username":"canary-value"}`,
		"an empty user":            `{"username":"","user":"app","password":"canary-value"}`,
		"a user of spaces":         `{"user":" \n","password":"canary-value"}`,
		"a port that is no number": `{"username":"u","password":"canary-value","port":"canary-value"}`,
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			t.Parallel()
			_, err := login(t, doc, "db", secretsql.WithEndpoint())
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.NotContains(t, err.Error(), "canary-value")
		})
	}
	t.Run("a missing name is not found", func(t *testing.T) {
		t.Parallel()
		_, err := login(t, "pw", "other")
		require.ErrorIs(t, err, secrets.ErrNotFound)
	})
}

func TestNoErrorHoldsThePassword(t *testing.T) {
	t.Parallel()
	secret := canary.New() + `:/%"@ ü`
	search := canary.For(secret)
	r, _ := secretstest.New(t, map[string]string{"db": document("app", secret)}, secrets.WithLogger(nil))
	for name, fail := range map[string]func(c secretsql.Credentials) error{
		"a driver that quotes its DSN": func(c secretsql.Credentials) error {
			return fmt.Errorf("dial app:%s@db: refused: %w", c.Password.Reveal(), context.DeadlineExceeded)
		},
		"a parser that quotes a URL": func(c secretsql.Credentials) error {
			_, err := url.Parse("postgres://app:" + c.Password.Reveal() + "@db")
			return errors.Join(context.DeadlineExceeded, err)
		},
		"a URL that is well formed": func(c secretsql.Credentials) error {
			u := url.URL{Scheme: "postgres", User: url.UserPassword("app", c.Password.Reveal()), Host: "db"}
			return &url.Error{Op: "dial", URL: u.String(), Err: context.DeadlineExceeded}
		},
		"one that wraps a quotation": func(c secretsql.Credentials) error {
			return &quiet{errors.Join(context.DeadlineExceeded, fmt.Errorf("%q", c.Password.Reveal()))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := secretsql.NewSource(r, "db", isRefused).Login(t.Context(), func(_ context.Context, c secretsql.Credentials) error { return fail(c) })
			require.Error(t, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			for _, found := range search.Error(err) {
				t.Errorf("found: %v", found)
			}
		})
	}
	t.Run("one that does not stays as it is", func(t *testing.T) {
		t.Parallel()
		own := &quiet{errors.New("no")}
		err := secretsql.NewSource(r, "db", isRefused).Login(t.Context(), func(context.Context, secretsql.Credentials) error { return own })
		assert.Same(t, own, err)
	})
}

type quiet struct{ err error }

func (q *quiet) Error() string { return "quiet" }
func (q *quiet) Unwrap() error { return q.err }
