package reading

import (
	"context"
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

func TestColdGet(t *testing.T) {
	t.Run("of ten thousand goroutines is one read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Delay("db", 10*time.Millisecond)
		var wg sync.WaitGroup
		var wrong atomic.Int32
		for range 10_000 {
			wg.Go(func() {
				if s, err := r.Get(t.Context(), "db"); err != nil || s.Reveal() != "one" {
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, wrong.Load())
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("survives the cancellation of the one who asked first", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		release := p.Block("db")
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := r.Get(ctx, "db")
			first <- err
		}()
		synctest.Wait()
		second := make(chan error)
		go func() {
			_, err := r.Get(t.Context(), "db")
			second <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		release()
		require.NoError(t, <-second)
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("goes on after every caller has left, so that the impatient get a value in the end", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`})
		p.Delay(secretstest.All, 300*time.Millisecond)
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			s, err := r.Get(ctx, "db/password")
			cancel()
			if err == nil {
				assert.Equal(t, "one", s.Reveal())
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, i, 20)
		}
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("succeeds when the second try does", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.FailTimes("db", 1, secrets.ErrThrottled)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))

	t.Run("tells a caller whose deadline passes what the backend said, not the bare deadline", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTimeout(10*time.Second))
		p.Fail("db", &spectest.RetryAfterError{Err: fmt.Errorf("%w: sealed", secrets.ErrUnavailable), After: 2 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := r.Get(ctx, "db")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "sealed")
	}))

	t.Run("of a provider that panics is an error without the panic's value, and not tried again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Panic("db", "hunter2")
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "panicked")
		assert.NotContains(t, err.Error(), "hunter2")
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("runs at most 32 reads of a provider, and callers who queue leave by their own context", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		defer p.Block(secretstest.All)()
		for i := range 100 {
			go func() { _, _ = r.Get(t.Context(), fmt.Sprint("name", i)) }()
		}
		synctest.Wait()
		assert.Equal(t, 32, p.Calls().InFlight)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := r.Get(ctx, "late")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		assert.Zero(t, p.Reads("late"))
	}))

	t.Run("of an empty value is a value, not a missing one", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": ""})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		assert.False(t, s.IsZero())
		assert.Empty(t, s.Reveal())
	}))

	t.Run("of a malformed name is an error before any read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		for _, name := range []string{"", "/db", "db/", "a//b", ".", "../x", "a/../b", "a/./b", "a\x00b", "db#", "#f"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrInvalid, "%q", name)
		}
		_, err := r.Get(t.Context(), "/db")
		assert.ErrorContains(t, err, "drop it, the base supplies it")
		assert.Zero(t, p.Calls().Reads)
	}))
}
