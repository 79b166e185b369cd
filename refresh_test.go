package secrets_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// steps is a clock pair whose wall clock can be set and whose machine can
// sleep.
type steps struct {
	start time.Time
	wall  atomic.Int64 // how far wall time is ahead
}

func (s *steps) step(d time.Duration) { s.wall.Add(int64(d)) }

func newSteps() *steps { return &steps{start: time.Now()} }

func (s *steps) option() secrets.Option {
	return secrets.WithClock(
		func() time.Time { return time.Now().Add(time.Duration(s.wall.Load())).Round(0) },
		func() time.Duration { return time.Since(s.start) },
	)
}

func TestClockSteps(t *testing.T) {
	held := func(t *testing.T, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider, *steps) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, append(opts, c.option())...)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		return r, p, c
	}

	t.Run("a day ahead, as after a suspend, makes everything due within five seconds, and serves meanwhile", spectest.Bubble(func(t *testing.T) {
		r, p, c := held(t)
		p.Set("db", "two")
		time.Sleep(3 * time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		c.step(24 * time.Hour)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		time.Sleep(7 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("two days ahead expires a value only once its read has failed", spectest.Bubble(func(t *testing.T) {
		r, p, c := held(t, secrets.WithMaxStale(24*time.Hour))
		release := p.Block("db")
		c.step(48 * time.Hour)
		time.Sleep(8 * time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"), "the read is under way")
		p.Fail("db", secrets.ErrUnavailable)
		release()
		time.Sleep(10 * time.Second)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
	}))

	t.Run("a day back changes nothing", spectest.Bubble(func(t *testing.T) {
		r, p, c := held(t)
		c.step(-24 * time.Hour)
		time.Sleep(time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		time.Sleep(5 * time.Minute)
		assert.Equal(t, 2, p.Reads("db"), "the TTL goes on as before")
	}))

	t.Run("in a sandbox that was frozen, on demand, is seen by the next Get", spectest.Bubble(func(t *testing.T) {
		r, p, c := held(t, secrets.WithOnDemand())
		p.Set("db", "two")
		time.Sleep(1500 * time.Millisecond)
		c.step(time.Hour)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))
}
