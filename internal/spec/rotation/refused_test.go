package rotation

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestRetryThatMayNotTry(t *testing.T) {
	// refused asserts what a caller is told who may not try a rejected version.
	refused := func(t *testing.T, err error, text string) {
		t.Helper()
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.ErrorContains(t, err, text)
		var e *secrets.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "retry", e.Op)
		assert.Equal(t, "db", e.Name)
	}
	never := func(t *testing.T) func(string) error {
		return func(string) error {
			assert.Fail(t, "it is not tried")
			return nil
		}
	}

	t.Run("ends ten seconds after its first rejection, and tells when the next try is", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		time.Sleep(time.Hour)
		start := time.Now()
		tries := 0
		err := retry(t, r, func(string) error { tries++; return errWrongPassword })
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, 2, tries, "at 0 and 5 s")
		refused(t, err, "version v1 was rejected 10s ago and the backend has no other; it is tried again in 20s")
		require.ErrorIs(t, err, errWrongPassword)
	}))

	t.Run("does not wait once the ten seconds are over, and tells what the last one said who tried", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		require.Error(t, retry(t, r, refuse))
		time.Sleep(10 * time.Second) // the second rejection, at 5 s, had the backend read for ten seconds more
		start := time.Now()
		err := retry(t, r, never(t))
		assert.Zero(t, time.Since(start))
		refused(t, err, "version v1 was rejected 20s ago and the backend has no other; it is tried again in 10s")
		assert.ErrorIs(t, err, errWrongPassword)
	}))

	t.Run("tells of a rejection without a reason, and while another tries", spectest.Bubble(func(t *testing.T) {
		r, _ := wrong(t)
		go func() { assert.NoError(t, retry(t, r, later(time.Minute, accept))) }()
		time.Sleep(20 * time.Second)
		start := time.Now()
		err := retry(t, r, never(t))
		assert.Zero(t, time.Since(start))
		refused(t, err, "version v1 was rejected 20s ago and the backend has no other; it is tried again in 0s")
		time.Sleep(time.Hour)
	}))

	// outage returns a resolver whose only password was rejected 45 seconds ago
	// and is to be tried again in 75, and whose backend fails now.
	outage := func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		time.Sleep(time.Hour)
		require.Error(t, retry(t, r, refuse)) // at 0 and 5 s, until 10 s
		time.Sleep(20 * time.Second)
		require.Error(t, retry(t, r, refuse)) // at 30 s, until 40 s
		time.Sleep(5 * time.Second)
		p.Fail("db", secrets.ErrUnavailable)
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		return r, p
	}

	t.Run("waits ten seconds for the end of an outage, and tells of that", spectest.Bubble(func(t *testing.T) {
		r, _ := outage(t)
		start := time.Now()
		err := retry(t, r, never(t))
		assert.InDelta(t, 10, time.Since(start).Seconds(), 0.001)
		refused(t, err, "s ago and the backend cannot be asked for another (unavailable)")
		assert.ErrorContains(t, err, "version v1 was rejected 55s")
		require.ErrorIs(t, err, errWrongPassword)
		assert.NotErrorIs(t, err, secrets.ErrUnavailable, "the class is one")
	}))

	t.Run("tries another version within 3 seconds of the end of an outage", spectest.Bubble(func(t *testing.T) {
		r, p := outage(t)
		time.AfterFunc(6*time.Second, func() {
			p.Heal()
			p.Set("db", "two")
		})
		start := time.Now()
		require.NoError(t, retry(t, r, func(password string) error {
			assert.Equal(t, "two", password)
			return nil
		}))
		assert.InDelta(t, 7.5, time.Since(start).Seconds(), 1.5)
	}))

	t.Run("returns its own rejection when its context ends", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.Retry(ctx, "db", isWrongPassword, func(context.Context, secrets.Secret) error { return errWrongPassword })
		require.ErrorIs(t, err, errWrongPassword)
		refused(t, err, "version v1 was rejected 1s ago and the backend has no other; it is tried again in 4s: password authentication failed (context deadline exceeded while waiting for another version)")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}))

	t.Run("tells of another's rejection when its context ends", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		go func() { _ = retry(t, r, refuse) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := r.Retry(ctx, "db", isWrongPassword, func(context.Context, secrets.Secret) error { return errBoom })
		refused(t, err, "version v1 was rejected 3s ago and the backend has no other; it is tried again in 2s")
		require.ErrorIs(t, err, errWrongPassword)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}))

	t.Run("tells that the secret was deleted meanwhile", spectest.Bubble(func(t *testing.T) {
		r, p := wrong(t)
		time.AfterFunc(time.Second, func() { p.Delete("db") })
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { assert.ErrorIs(t, retry(t, r, never(t)), secrets.ErrNotFound) })
		}
		wg.Wait()
	}))

	t.Run("tells that the resolver was closed meanwhile", spectest.Bubble(func(t *testing.T) {
		r, _ := wrong(t)
		time.AfterFunc(time.Second, func() { assert.NoError(t, r.Close()) })
		start := time.Now()
		err := retry(t, r, never(t))
		assert.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, secrets.ErrClosed)
		require.NotErrorIs(t, err, secrets.ErrUnavailable)
	}))

	t.Run("tells the version of a secret that is not kept", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		err := retry(t, r, refuse)
		refused(t, err, "version v1 was rejected and there is no other")
		assert.ErrorIs(t, err, errWrongPassword)
	}))

	t.Run("needs either function", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		fn := func(context.Context, secrets.Secret) error { return nil }
		require.ErrorIs(t, r.Retry(t.Context(), "db", nil, fn), secrets.ErrInvalid)
		require.ErrorIs(t, r.Retry(t.Context(), "db", isWrongPassword, nil), secrets.ErrInvalid)
		require.ErrorIs(t, r.Retry(t.Context(), "db", nil, nil), secrets.ErrInvalid)
	}))
}

func TestRetryBesidesARejection(t *testing.T) {
	t.Run("of another secret is free", spectest.Bubble(func(t *testing.T) {
		r, p := wrong(t)
		p.Set("other", "right")
		start := time.Now()
		require.NoError(t, r.Retry(t.Context(), "other", isWrongPassword, newDatabase("right").login))
		require.NoError(t, r.Retry(t.Context(), "other", isWrongPassword, newDatabase("right").login))
		assert.Zero(t, time.Since(start))
	}))

	t.Run("of a secret that is not kept is free", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithTTL(0))
		p.Set("db", "right")
		s, err := r.Get(t.Context(), "creds")
		require.NoError(t, err)
		r.Invalidate(s)
		require.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, newDatabase("right").login))
		err = r.Retry(t.Context(), "db", isWrongPassword, newDatabase("left").login)
		require.ErrorIs(t, err, errWrongPassword)
	}))
}

func TestRetryOfAFieldThatGoes(t *testing.T) {
	// going has the field of a rejected version go from the newer one, a second
	// after the rejection.
	going := func(t *testing.T, r *secrets.Resolver, p *secretstest.Provider, name string, after func()) (tries int, err error) {
		spectest.Get(t, r, "db#user")
		err = r.Retry(t.Context(), name, isWrongPassword, func(_ context.Context, s secrets.Secret) error {
			if tries++; tries == 1 {
				time.AfterFunc(time.Second, func() {
					after()
					p.Set("db", `{"user":"u"}`)
				})
			}
			return errWrongPassword
		})
		return tries, err
	}
	docs := map[string]string{"db": `{"password":"p","user":"u"}`}

	t.Run("is told that it is not found", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs, spectest.Rarely())
		tries, err := going(t, r, p, "db#password", func() {})
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, 1, tries)
	}))

	t.Run("is told that it is not found while somebody watches it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs, spectest.Rarely())
		spectest.Get(t, r, "db")
		w := spectest.Watch(t, r, "db#password")
		tries, err := going(t, r, p, "db#password", func() {})
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, 1, tries)
		assert.Equal(t, []string{"p", "<not found>"}, w.All())
	}))

	for _, why := range []error{secrets.ErrPermission, secrets.ErrUnavailable} {
		t.Run("is told so if it is not known where it is now: "+why.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, docs, spectest.Rarely(), secrets.WithNegativeTTL(time.Millisecond))
			start := time.Now()
			tries, err := going(t, r, p, "db/password", func() { p.Fail("db/password", why) })
			require.ErrorIs(t, err, secrets.ErrUnauthenticated)
			require.ErrorIs(t, err, errWrongPassword)
			require.ErrorContains(t, err, "the newer version of the document lacks the field")
			assert.Equal(t, 1, tries)
			assert.Less(t, time.Since(start), 3*time.Second)

			err = r.Retry(t.Context(), "db/password", isWrongPassword, func(context.Context, secrets.Secret) error {
				tries++
				return errWrongPassword
			})
			require.ErrorIs(t, err, errWrongPassword)
			assert.Equal(t, 2, tries, "and somebody who comes later tries it once")
		}))
	}
}
