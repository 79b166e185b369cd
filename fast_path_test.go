package secrets_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// looks counts how often a resolver looks at its clock.
type looks struct{ n atomic.Int64 }

func (l *looks) option() secrets.Option {
	start := time.Now()
	return secrets.WithClock(
		func() time.Time { l.n.Add(1); return time.Now().Round(0) },
		func() time.Duration { l.n.Add(1); return time.Since(start) })
}

// during returns how often the resolver looked while f ran.
func (l *looks) during(f func()) int64 {
	synctest.Wait()
	before := l.n.Load()
	f()
	return l.n.Load() - before
}

func TestGetOfAHeldSecret(t *testing.T) {
	t.Run("looks at no clock", spectest.Bubble(func(t *testing.T) {
		for _, ttl := range []time.Duration{0, time.Minute} {
			var l looks
			r, p := spectest.Lent(t, secrets.WithTTL(ttl), l.option())
			p.Set("db", `{"user":"u"}`)
			names := []string{"creds", "creds#user", "creds/password"}
			if ttl > 0 {
				names = append(names, "db", "db#user", "db/user")
			}
			require.NoError(t, r.Preload(t.Context(), names...))
			get := func() {
				for _, name := range names {
					spectest.Get(t, r, name)
				}
			}
			for range 3 { // new names are found without a lock once they have been asked for as often as there are names
				get()
			}
			assert.Zero(t, l.during(get), "TTL %v", ttl)
			assert.NotZero(t, l.during(func() { _, _ = r.Get(t.Context(), "missing") }))

			spectest.KeepUsing(t, r, names...)
			time.Sleep(90 * time.Second)
			assert.Zero(t, l.during(get), "TTL %v, read or renewed since", ttl)

			p.Fail("db", secrets.ErrPermission)
			p.FailRenew(secrets.ErrUnavailable)
			time.Sleep(5*time.Minute + 30*time.Second)
			require.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "creds").State)
			assert.Zero(t, l.during(get), "TTL %v, stale", ttl)
			require.NoError(t, r.Close())
		}
	}))

	t.Run("on demand does, for nobody else would see that it is past its TTL", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), secrets.WithTTL(time.Minute))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		p.Set("db", "two")
		time.Sleep(time.Minute)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("with a TTL of zero reads, though somebody watches the name", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		spectest.Watch(t, r, "db")
		for _, v := range []string{"two", "three", "four"} {
			synctest.Wait() // or Get shares the read that the watch is about
			p.Set("db", v)
			assert.Equal(t, v, spectest.Get(t, r, "db"))
		}
	}))

	t.Run("waits for the read of what was rejected, by a name that is new, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"one"}`})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		p.Set("db", `{"user":"two"}`)
		p.Delay("db", 500*time.Millisecond)
		r.Invalidate(s)
		assert.Equal(t, "one", spectest.Get(t, r, "db#user"), "it is found in what is held")
		assert.Equal(t, "two", spectest.Get(t, r, "db#user"))
	}))
}
