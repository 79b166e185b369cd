package binding

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// number decodes a secret that is a number, and refuses others.
func number(s secrets.Secret) (int, error) {
	n, err := strconv.Atoi(s.Reveal())
	if err != nil {
		return 0, errors.New("that is no number")
	}
	return n, nil
}

func TestBind(t *testing.T) {
	t.Run("makes a value of the secret, and again whenever its bytes change", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"workers": "1"})
		var made atomic.Int32
		live, err := secrets.Bind(t.Context(), r, "workers", func(s secrets.Secret) (int, error) {
			made.Add(1)
			return number(s)
		})
		require.NoError(t, err)
		assert.Equal(t, 1, live.Get())
		assert.NoError(t, live.Err())
		p.Set("workers", "2")
		synctest.Wait()
		assert.Equal(t, 2, live.Get())
		p.Set("workers", "2")
		synctest.Wait()
		assert.EqualValues(t, 2, made.Load(), "the same bytes are decoded once")
	}))

	t.Run("decodes by the type, as Load does, when it is given no decode", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"wait": "30s", "limits": `{"max":3}`, "key": "k"})
		wait, err := secrets.Bind[time.Duration](t.Context(), r, "wait", nil)
		require.NoError(t, err)
		limits, err := secrets.Bind[struct{ Max int }](t.Context(), r, "limits", nil)
		require.NoError(t, err)
		key, err := secrets.Bind[secrets.Secret](t.Context(), r, "key", nil)
		require.NoError(t, err)
		assert.Equal(t, 30*time.Second, wait.Get())
		assert.Equal(t, 3, limits.Get().Max)
		assert.Equal(t, "k", key.Get().Reveal())
		assert.Equal(t, "key", key.Get().Name())
		p.Set("limits", `{"max":4}`)
		synctest.Wait()
		assert.Equal(t, 4, limits.Get().Max)
	}))

	t.Run("of a type that cannot hold a secret is ErrInvalid before any read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"a": "1"})
		_, err := secrets.Bind[chan int](t.Context(), r, "a", nil)
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		_, err = secrets.Bind[int](t.Context(), r, "/a", nil)
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("keeps the last good value when decode refuses a version, and Err tells", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"workers": "1"})
		live, err := secrets.Bind(t.Context(), r, "workers", number)
		require.NoError(t, err)
		p.Set("workers", "many")
		synctest.Wait()
		assert.Equal(t, 1, live.Get())
		assert.ErrorContains(t, live.Err(), "that is no number")
		var e *secrets.Error
		require.ErrorAs(t, live.Err(), &e)
		assert.NotEmpty(t, e.Name, "whoever reads it in a log knows which secret it is")
		p.Set("workers", "3")
		synctest.Wait()
		assert.Equal(t, 3, live.Get())
		assert.NoError(t, live.Err())
		p.Set("workers", "none")
		synctest.Wait()
		p.Set("workers", "3")
		synctest.Wait()
		assert.Equal(t, 3, live.Get())
		assert.NoError(t, live.Err(), "back to the value before is good again")
	}))

	t.Run("quotes no value that its own decoding refuses", spectest.Bubble(func(t *testing.T) {
		c := canary.New()
		r, p := spectest.Pushed(t, map[string]string{"n": "1"})
		live, err := secrets.Bind[int](t.Context(), r, "n", nil)
		require.NoError(t, err)
		p.Set("n", c)
		synctest.Wait()
		require.ErrorIs(t, live.Err(), secrets.ErrInvalid)
		assert.Empty(t, canary.For(c).Error(live.Err()))
		_, err = secrets.Bind[int](t.Context(), r, "n", nil)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, canary.For(c).Error(err))
	}))

	t.Run("prints no value", spectest.Bubble(func(t *testing.T) {
		c := canary.New()
		r, _ := spectest.Pushed(t, map[string]string{"a": c})
		live, err := secrets.Bind[string](t.Context(), r, "a", nil)
		require.NoError(t, err)
		assert.Empty(t, canary.For(c).Printed(live))
		assert.Empty(t, canary.For(c).Printed(struct{ Token *secrets.Live[string] }{live}))
	}))

	t.Run("fails as Get does, or as decode does, and leaves nothing running", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"workers": "many"})
		_, err := secrets.Bind(t.Context(), r, "missing", number)
		assert.ErrorIs(t, err, secrets.ErrNotFound)
		_, err = secrets.Bind(t.Context(), r, "workers", number)
		assert.ErrorContains(t, err, "that is no number")
		var e *secrets.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "workers", e.Name)
		p.Delete("workers")
		time.Sleep(time.Hour)
		assert.NoError(t, r.Healthy(), "nobody waits for them")
	}))

	t.Run("keeps the last value when the secret is deleted, and Err tells until it is there again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"workers": "1"})
		live, err := secrets.Bind(t.Context(), r, "workers", number)
		require.NoError(t, err)
		p.Delete("workers")
		synctest.Wait()
		assert.Equal(t, 1, live.Get())
		assert.ErrorIs(t, live.Err(), secrets.ErrNotFound)
		p.Set("workers", "1")
		synctest.Wait()
		assert.NoError(t, live.Err())
		p.Set("workers", "2")
		synctest.Wait()
		assert.Equal(t, 2, live.Get())
	}))

	t.Run("tells of an outage only when the value has expired", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"workers": "1"}, secrets.WithMaxStale(time.Hour))
		live, err := secrets.Bind(t.Context(), r, "workers", number)
		require.NoError(t, err)
		p.Fail("workers", secrets.ErrUnavailable)
		time.Sleep(50 * time.Minute)
		assert.NoError(t, live.Err(), "a stale value is still good; Status tells")
		time.Sleep(20 * time.Minute)
		assert.ErrorIs(t, live.Err(), secrets.ErrUnavailable)
		assert.Equal(t, 1, live.Get())
		p.Heal()
		time.Sleep(2 * time.Minute)
		assert.NoError(t, live.Err(), "though the bytes are the same")
	}))

	t.Run("goes on after its context has ended, which bounds the call alone", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"workers": "1"})
		ctx, cancel := context.WithCancel(t.Context())
		live, err := secrets.Bind(ctx, r, "workers", number)
		require.NoError(t, err)
		cancel()
		synctest.Wait()
		p.Set("workers", "2")
		synctest.Wait()
		assert.Equal(t, 2, live.Get())

		p.Block("slow")
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err = secrets.Bind(ctx, r, "slow", number)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		p.Heal()
	}))

	t.Run("ends with Stop, and keeps its value", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"workers": "1"})
		live, err := secrets.Bind(t.Context(), r, "workers", number)
		require.NoError(t, err)
		live.Stop()
		live.Stop()
		synctest.Wait()
		p.Set("workers", "2")
		time.Sleep(time.Hour)
		assert.Equal(t, 1, live.Get())
		p.ResetCalls()
		time.Sleep(time.Hour)
		assert.Zero(t, p.Calls().Reads, "the name is no longer in use")
	}))

	t.Run("keeps its name in use, though nobody asks", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"workers": "1"})
		live, err := secrets.Bind(t.Context(), r, "workers", number)
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		p.Set("workers", "2")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, 2, live.Get())
	}))

	t.Run("uses the resolver of its context when it is given none", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Pushed(t, map[string]string{"workers": "7"})
		live, err := secrets.Bind(secrets.NewContext(t.Context(), r), nil, "workers", number)
		require.NoError(t, err)
		assert.Equal(t, 7, live.Get())
	}))

	t.Run("of nil, as Load leaves an optional field, is empty", func(t *testing.T) {
		t.Parallel()
		var live *secrets.Live[string]
		assert.Empty(t, live.Get())
		assert.NoError(t, live.Err())
		assert.NotPanics(t, live.Stop)
		assert.Empty(t, new(secrets.Live[string]).Get())
		assert.NotPanics(t, new(secrets.Live[string]).Stop)
	})

	t.Run("Get costs an atomic load", func(t *testing.T) {
		r := spectest.On(t, spectest.NewPolled(map[string]string{"a": "1"}))
		live, err := secrets.Bind[string](t.Context(), r, "a", nil)
		require.NoError(t, err)
		assert.Zero(t, testing.AllocsPerRun(100, func() { live.Get() }))
	})
}
