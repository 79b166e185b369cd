package rotation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

var errBoom = errors.New("boom")

// retry has db's password tried by fn.
func retry(t testing.TB, r *secrets.Resolver, fn func(password string) error) error {
	return r.Retry(t.Context(), "db", isWrongPassword, func(_ context.Context, s secrets.Secret) error { return fn(s.Reveal()) })
}

func refuse(string) error { return errWrongPassword }

func accept(string) error { return nil }

// later has what fn returns returned after d.
func later(d time.Duration, fn func(string) error) func(string) error {
	return func(password string) error {
		time.Sleep(d)
		return fn(password)
	}
}

// wrong returns a resolver whose only password has been rejected just now, and
// is to be tried again in 5 seconds.
func wrong(t testing.TB, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	r, p := spectest.Polled(t, map[string]string{"db": "one"}, append(opts, spectest.Rarely())...)
	s, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	r.Invalidate(s)
	return r, p
}

func TestTurns(t *testing.T) {
	t.Run("of a password that becomes too old while it is waited for do not come", spectest.Bubble(func(t *testing.T) {
		r, p := wrong(t, secrets.WithMaxStale(4*time.Second))
		p.Fail("db", secrets.ErrUnavailable)
		tries := 0
		err := retry(t, r, func(string) error { tries++; return nil })
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.Zero(t, tries)
	}))

	t.Run("of a password that stays wrong come 5 s, 30 s, 2 min and 8 min after the first rejection, then every 10 min", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		var tries []time.Time
		for len(tries) < 10 {
			require.Error(t, retry(t, r, func(string) error {
				tries = append(tries, time.Now())
				return errWrongPassword
			}))
			time.Sleep(100 * time.Millisecond)
		}
		for i, seconds := range []int{5, 25, 90, 360, 600, 600, 600, 600, 600} {
			gap := tries[i+1].Sub(tries[i])
			assert.InDelta(t, seconds, gap.Seconds(), 0.1, "try %d", i+1)
		}
	}))

	t.Run("are not put off by those who say again that it is wrong", spectest.Bubble(func(t *testing.T) {
		r, _ := wrong(t)
		start := time.Now()
		time.Sleep(4 * time.Second)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s)
		require.NoError(t, retry(t, r, accept))
		assert.Equal(t, 5*time.Second, time.Since(start))
	}))

	t.Run("are taken by one caller at a time, however long that takes", spectest.Bubble(func(t *testing.T) {
		r, _ := wrong(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		var now, tries atomic.Int32
		for range 10 {
			wg.Go(func() {
				for ctx.Err() == nil {
					_ = r.Retry(ctx, "db", isWrongPassword, func(context.Context, secrets.Secret) error {
						assert.Equal(t, int32(1), now.Add(1))
						defer now.Add(-1)
						tries.Add(1)
						time.Sleep(20 * time.Second)
						return errWrongPassword
					})
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, int32(2), tries.Load(), "at 5 s, and 25 s after that was over")
	}))

	t.Run("last until rejected has said what the error is", spectest.Bubble(func(t *testing.T) {
		r, _ := wrong(t)
		time.Sleep(5 * time.Second)
		go func() {
			_ = r.Retry(t.Context(), "db", func(err error) bool {
				time.Sleep(4 * time.Second)
				return isWrongPassword(err)
			}, func(context.Context, secrets.Secret) error { return errWrongPassword })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		require.Error(t, r.Retry(ctx, "db", isWrongPassword, func(context.Context, secrets.Secret) error {
			assert.Fail(t, "it is tried again 25 s after the rejection")
			return nil
		}))
	}))

	for what, fn := range map[string]func(string) error{
		"fails otherwise": func(string) error { return errBoom },
		"panics":          func(string) error { panic("boom") },
	} {
		try := func(t *testing.T, r *secrets.Resolver, fn func(string) error) (err error) {
			defer func() {
				if p := recover(); p == any("boom") {
					err = errBoom
				} else if p != nil {
					panic(p)
				}
			}()
			return retry(t, r, fn)
		}

		t.Run("pass to another a second after one whose fn "+what, spectest.Bubble(func(t *testing.T) {
			r, _ := wrong(t)
			time.Sleep(5 * time.Second)
			require.ErrorIs(t, try(t, r, fn), errBoom)
			start := time.Now()
			require.NoError(t, retry(t, r, accept))
			assert.Equal(t, time.Second, time.Since(start))
		}))

		t.Run("are not ended by a try from before the rejection whose fn "+what, spectest.Bubble(func(t *testing.T) {
			r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
			s, err := r.Get(t.Context(), "db")
			require.NoError(t, err)
			var wg sync.WaitGroup
			wg.Go(func() { assert.ErrorIs(t, try(t, r, later(10*time.Second, fn)), errBoom) })
			synctest.Wait()
			r.Invalidate(s)
			time.Sleep(5 * time.Second)
			wg.Go(func() { assert.NoError(t, retry(t, r, later(20*time.Second, accept))) })
			time.Sleep(6 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			assert.Error(t, r.Retry(ctx, "db", isWrongPassword, func(context.Context, secrets.Secret) error {
				assert.Fail(t, "it is somebody else's turn")
				return nil
			}))
			wg.Wait()
		}))

		t.Run("of a secret that is deleted meanwhile end, also if fn "+what, spectest.Bubble(func(t *testing.T) {
			r, p := wrong(t)
			time.Sleep(5 * time.Second)
			require.ErrorIs(t, try(t, r, func(password string) error {
				p.Delete("db")
				_, err := r.Refresh(t.Context(), "db")
				require.ErrorIs(t, err, secrets.ErrNotFound)
				return fn(password)
			}), errBoom)
			require.ErrorIs(t, retry(t, r, accept), secrets.ErrNotFound)
		}))

		t.Run("of a version that is accepted meanwhile end, also if fn "+what, spectest.Bubble(func(t *testing.T) {
			r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
			s, err := r.Get(t.Context(), "db")
			require.NoError(t, err)
			go func() { assert.NoError(t, retry(t, r, later(6*time.Second, accept))) }()
			synctest.Wait()
			r.Invalidate(s)
			time.Sleep(5 * time.Second)
			require.ErrorIs(t, try(t, r, later(2*time.Second, fn)), errBoom)
			require.NoError(t, retry(t, r, accept))
		}))
	}
}

func TestRejectedVersionsOfADocument(t *testing.T) {
	// hold has the resolver hold a version of db.
	hold := func(t *testing.T, r *secrets.Resolver, p *secretstest.Provider, version int) {
		p.SetFunc("db", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: fmt.Append(nil, version), Version: fmt.Sprint(version)}, nil
		})
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
	}
	// known reports whether it is known that the held version was rejected.
	known := func(t *testing.T, r *secrets.Resolver) bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return errors.Is(r.Retry(ctx, "db", isWrongPassword, func(context.Context, secrets.Secret) error { return errBoom }), context.DeadlineExceeded)
	}
	reject := func(t *testing.T, versions int) (*secrets.Resolver, *secretstest.Provider) {
		r, p := spectest.Polled(t, nil, spectest.Rarely())
		for v := 1; v <= versions; v++ {
			hold(t, r, p, v)
			s, err := r.Get(t.Context(), "db")
			require.NoError(t, err)
			r.Invalidate(s)
			require.True(t, known(t, r))
		}
		return r, p
	}

	t.Run("are remembered when they come back, up to four", spectest.Bubble(func(t *testing.T) {
		r, p := reject(t, 4)
		for v := 1; v <= 4; v++ {
			hold(t, r, p, v)
			assert.True(t, known(t, r), "%d", v)
		}
		hold(t, r, p, 5)
		assert.False(t, known(t, r))
	}))

	t.Run("are forgotten one by one when there are more, the oldest first", spectest.Bubble(func(t *testing.T) {
		r, p := reject(t, 5)
		for v := 5; v >= 1; v-- {
			hold(t, r, p, v)
			assert.Equal(t, v > 1, known(t, r), "%d", v)
		}
	}))

	t.Run("are forgotten one by one when they are accepted", spectest.Bubble(func(t *testing.T) {
		for accepted := 1; accepted <= 3; accepted++ {
			r, p := reject(t, 3)
			hold(t, r, p, accepted)
			time.Sleep(5 * time.Second)
			require.NoError(t, retry(t, r, accept))
			require.False(t, known(t, r))
			for v := 1; v <= 3; v++ {
				hold(t, r, p, v)
				s := spectest.StatusOf(t, r, "db")
				assert.Equal(t, v == accepted, s.RejectedAt.IsZero(), "%d of which %d was accepted", v, accepted)
			}
		}
	}))
}
