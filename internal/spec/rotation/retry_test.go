package rotation

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

var errWrongPassword = errors.New("password authentication failed")

func isWrongPassword(err error) bool { return errors.Is(err, errWrongPassword) }

// database accepts one password at a time and counts the tries of each.
type database struct {
	mu       sync.Mutex
	password string
	tries    map[string]int
}

func newDatabase(password string) *database {
	return &database{password: password, tries: map[string]int{}}
}

func (db *database) set(password string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.password = password
}

func (db *database) login(_ context.Context, s secrets.Secret) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.tries[s.Reveal()]++
	if s.Reveal() != db.password {
		return errWrongPassword
	}
	return nil
}

func (db *database) tried(password string) int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.tries[password]
}

func TestRetry(t *testing.T) {
	t.Run("of a thousand goroutines that reject one version is one read once it has changed, and no failure", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		db := newDatabase("two")
		p.Set("db", "two")
		var wg sync.WaitGroup
		var failed atomic.Int32
		for range 1000 {
			wg.Go(func() {
				if r.Retry(t.Context(), "db", isWrongPassword, db.login) != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, failed.Load())
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("outlasts a manager that has the new version two seconds after the database", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		db := newDatabase("one")
		require.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
		db.set("two")
		go func() {
			time.Sleep(2 * time.Second)
			p.Set("db", "two")
		}()
		var wg sync.WaitGroup
		var failed atomic.Int32
		for range 50 {
			wg.Go(func() {
				if r.Retry(t.Context(), "db", isWrongPassword, db.login) != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, failed.Load())
		assert.LessOrEqual(t, p.Reads("db"), 8)
	}))

	t.Run("with a password that is simply wrong tries it rarely, however many workers there are", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "wrong"})
		db := newDatabase("right")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		var last atomic.Value
		for range 50 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if err := r.Retry(ctx, "db", isWrongPassword, db.login); err != nil && ctx.Err() == nil {
						last.Store(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, db.tried("wrong"), 50+8)
		assert.LessOrEqual(t, p.Reads("db"), 60)
		err := last.Load().(error)
		require.ErrorIs(t, err, errWrongPassword)
		assert.ErrorContains(t, err, "was rejected")

		db.set("wrong") // somebody mended the database instead
		time.Sleep(6 * time.Minute)
		require.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
		require.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login), "an accepted version is free again")
	}))

	t.Run("gives a different version at once, also one that comes after the window", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		db := newDatabase("two")
		require.Error(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
		time.Sleep(30 * time.Second)
		spectest.KeepUsing(t, r, "db")
		p.Set("db", "two")
		time.Sleep(time.Minute)
		start := time.Now()
		require.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
		assert.Zero(t, time.Since(start))
	}))

	t.Run("sees a rotation that happened during an outage within five seconds of its end", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		db := newDatabase("two")
		p.Set("db", "two")
		p.Fail("db", secrets.ErrUnavailable)
		ctx, cancel := context.WithCancel(t.Context())
		var ok atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if r.Retry(ctx, "db", isWrongPassword, db.login) == nil {
						ok.Add(1)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(3 * time.Minute)
		assert.Zero(t, ok.Load())
		assert.LessOrEqual(t, p.Reads("db"), 150)
		p.Heal()
		time.Sleep(5 * time.Second)
		assert.Positive(t, ok.Load())
		cancel()
		wg.Wait()
	}))

	t.Run("returns an error of fn that is no rejection, and does not read again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		boom := errors.New("boom")
		err := r.Retry(t.Context(), "db", isWrongPassword, func(context.Context, secrets.Secret) error { return boom })
		require.ErrorIs(t, err, boom)
		time.Sleep(time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("obeys its context while it waits for another version, and tells the rejection", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := r.Retry(ctx, "db", isWrongPassword, newDatabase("two").login)
		require.ErrorIs(t, err, errWrongPassword)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
	}))

	t.Run("gives the turn back when fn panics or fails otherwise", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		db := newDatabase("two")
		require.Error(t, r.Retry(t.Context(), "db", isWrongPassword, db.login)) // at 0 and 5 s, until 10 s
		time.Sleep(20 * time.Second)
		assert.Panics(t, func() {
			_ = r.Retry(t.Context(), "db", isWrongPassword, func(context.Context, secrets.Secret) error { panic("x") })
		})
		time.Sleep(2 * time.Second)
		db.set("one")
		require.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
	}))
}

func TestTurnThatEndsAfterItsVersionWasReplaced(t *testing.T) {
	t.Run("leaves the version to others when it comes back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		set := func(v string) {
			p.SetFunc("db", func(context.Context) (secrets.Value, error) {
				return secrets.Value{Data: []byte(v), Version: v}, nil
			})
			_, err := r.Refresh(t.Context(), "db")
			require.NoError(t, err)
		}
		retry := func(fn func(password string) error) error {
			return r.Retry(t.Context(), "db", isWrongPassword, func(_ context.Context, s secrets.Secret) error { return fn(s.Reveal()) })
		}
		set("one")
		require.Error(t, retry(func(string) error { return errWrongPassword }))
		time.Sleep(10 * time.Minute)
		require.NoError(t, retry(func(password string) error {
			if password == "two" {
				return nil
			}
			set("two")
			return errWrongPassword
		}))
		set("one") // the rotation is taken back
		time.Sleep(time.Hour)
		assert.NoError(t, retry(func(string) error { return nil }))
	}))
}

func TestRetryOfAFieldThatIsGone(t *testing.T) {
	t.Run("tries what is still served once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"p","user":"u"}`}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		require.Equal(t, "p", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db#user")
		spectest.KeepUsing(t, r, "db/password")
		p.Fail("db/password", secrets.ErrPermission)
		p.Set("db", `{"user":"u"}`)
		time.Sleep(10 * time.Minute)
		tries := 0
		err := r.Retry(t.Context(), "db/password", isWrongPassword, func(context.Context, secrets.Secret) error {
			tries++
			return errWrongPassword
		})
		assert.ErrorIs(t, err, errWrongPassword)
		assert.Equal(t, 1, tries)
	}))
}

func TestRetryOfWhatIsNotKept(t *testing.T) {
	t.Run("tries a version once, and another one at once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		var tried []string
		try := func(_ context.Context, s secrets.Secret) error {
			if tried = append(tried, s.Reveal()); s.Reveal() == "three" {
				return nil
			}
			if s.Reveal() == "one" {
				p.Set("db", "two")
			}
			return errWrongPassword
		}
		assert.ErrorIs(t, r.Retry(t.Context(), "db", isWrongPassword, func(ctx context.Context, s secrets.Secret) error {
			tried = append(tried, s.Reveal())
			return errWrongPassword
		}), errWrongPassword)
		assert.Equal(t, []string{"one"}, tried)
		tried = nil
		assert.ErrorIs(t, r.Retry(t.Context(), "db", isWrongPassword, try), errWrongPassword)
		assert.Equal(t, []string{"one", "two"}, tried)
		p.Set("db", "three")
		assert.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, try))
	}))
}

func TestRetryThatWaits(t *testing.T) {
	t.Run("goes on as soon as anybody has read another version", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		db := newDatabase("two")
		spectest.Get(t, r, "db")
		done := make(chan time.Time)
		go func() {
			assert.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
			done <- time.Now()
		}()
		for p.Reads("db") < 5 { // its own next read is more than a second away by then
			time.Sleep(time.Millisecond)
		}
		p.Set("db", "two")
		start := time.Now()
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, start, <-done)
	}))
}
