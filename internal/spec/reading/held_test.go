package reading

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestHeldGet(t *testing.T) {
	t.Run("allocates nothing", func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db/password": "one"})
		for range 3 {
			spectest.Get(t, r, "db/password")
		}
		ctx := t.Context()
		assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = r.Get(ctx, "db/password") }))
	})

	t.Run("is answered to a context that is done", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := r.Get(ctx, "db")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
	}))

	t.Run("of a thousand goroutines at the TTL is one read, and nobody waits", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		p.Delay("db", 500*time.Millisecond)
		p.Set("db", "two")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var waited atomic.Int32
		for range 1000 {
			wg.Go(func() {
				for ctx.Err() == nil {
					start := time.Now()
					if _, err := r.Get(ctx, "db"); err != nil || time.Since(start) > 0 {
						waited.Add(1)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(61 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		cancel()
		wg.Wait()
		assert.Equal(t, 2, p.Reads("db"))
		assert.Zero(t, waited.Load())
	}))

	t.Run("that is in use is not delayed by a backend that hangs", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		defer p.Block(secretstest.All)()
		for range 1000 {
			start := time.Now()
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Zero(t, time.Since(start))
			time.Sleep(100 * time.Millisecond)
		}
	}))

	t.Run("that was idle waits a second at most for a backend that hangs, once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(2 * time.Minute)
		reads := p.Reads("db")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, reads, p.Reads("db"), "an idle document is left alone")
		defer p.Block(secretstest.All)()
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, time.Second, time.Since(start))
		for range 300 {
			start = time.Now()
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Zero(t, time.Since(start), "after the first second nobody waits")
			time.Sleep(100 * time.Millisecond)
		}
	}))

	t.Run("that was idle is read again, and what it waits for is the new value", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(10 * time.Minute)
		p.Set("db", "two")
		p.Delay("db", 200*time.Millisecond)
		start := time.Now()
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 200*time.Millisecond, time.Since(start))
	}))

	t.Run("that was idle is not waited for by a context that is done", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(10 * time.Minute)
		p.Set("db", "two")
		p.Delay("db", 200*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		s, err := r.Get(ctx, "db")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
		assert.Zero(t, time.Since(start))
		time.Sleep(time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"), "the read went on")
	}))
}
