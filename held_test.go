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
	"github.com/go-secrets/secrets/secretstest"
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

func TestWatchOfAFieldThatIsGone(t *testing.T) {
	t.Run("is left in peace by who follows it", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one","user":"u"}`}, l.option())
		spectest.Watch(t, r, "db/password")
		time.Sleep(time.Second)
		p.Fail("db/password", secrets.ErrUnavailable)
		p.Set("db", `{"user":"u"}`)
		time.Sleep(6 * time.Minute)
		assert.Less(t, l.during(func() { time.Sleep(time.Minute) }), int64(600), "the refresher looks each second")
	}))
}

func TestUseOfWhatWasIdleBeforeItIsDue(t *testing.T) {
	t.Run("before it is due has it refreshed when it is", spectest.Bubble(func(t *testing.T) {
		for range 100 {
			var l looks
			r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, secrets.WithTTL(10*time.Minute), secrets.WithIdle(time.Minute), l.option())
			p.Disable(secretstest.Batch) // which would have both due at the same time
			for range 3 {
				spectest.Get(t, r, "a")
				spectest.Get(t, r, "b")
			}
			time.Sleep(10 * time.Minute) // each is read once more, for it was used
			name, due := "b", spectest.StatusOf(t, r, "b").NextRead
			first := spectest.StatusOf(t, r, "a").NextRead
			if first.After(due) {
				name, due, first = "a", first, due
			}
			p.ResetCalls()
			// With what is due, what is due soon is found to be idle.
			time.Sleep(time.Until(first) + time.Second)
			if time.Until(due) < time.Second || !spectest.StatusOf(t, r, name).NextRead.IsZero() {
				continue
			}
			spectest.Get(t, r, name)
			assert.Equal(t, due, spectest.StatusOf(t, r, name).NextRead)
			assert.Zero(t, l.during(func() { spectest.Get(t, r, name) }), "it is held, and in use")
			time.Sleep(time.Until(due) + time.Second)
			assert.Equal(t, 1, p.Reads(name))
			return
		}
		assert.Fail(t, "of two documents none was found to be idle before it was due")
	}))
}

func TestNewNameOfADocumentThatWasIdle(t *testing.T) {
	t.Run("is had without a look at the clock, though it was idle", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Referring(t, map[string]string{"slow": "db?ttl=1h", "fast": "db?ttl=30m"}, secrets.WithTTL(100*time.Hour), secrets.WithIdle(time.Minute), l.option())
		p.Set("db", "one")
		p.Set("other", "one")
		spectest.Watch(t, r, "other")
		synctest.Wait()
		spectest.SleepUntil(spectest.NextRead(t, r, "other").Add(-5 * time.Minute))
		spectest.Get(t, r, "slow")
		time.Sleep(5*time.Minute + 100*time.Millisecond)
		require.Equal(t, 2, p.Reads("other"))
		require.Zero(t, spectest.NextRead(t, r, "slow"), "it could have been read with the other, and was left alone")
		spectest.Get(t, r, "fast")
		assert.WithinRange(t, spectest.NextRead(t, r, "fast"), time.Now(), time.Now().Add(25*time.Minute))
		time.Sleep(time.Second) // by then the new name has its place
		assert.Zero(t, l.during(func() { spectest.Get(t, r, "fast") }))
	}))
}

func TestAWatchOnDemandLooksAtNoClock(t *testing.T) {
	t.Run("until the next read is due", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), l.option())
		spectest.Watch(t, r, "db")
		time.Sleep(time.Minute)
		assert.Zero(t, l.during(func() { time.Sleep(2 * time.Minute) }))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("as long when its version was rejected", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), l.option())
		spectest.Watch(t, r, "db")
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s) // the backend has nothing newer
		time.Sleep(6 * time.Minute)
		require.NotZero(t, spectest.StatusOf(t, r, "db").RejectedAt)
		assert.Zero(t, l.during(func() { time.Sleep(90 * time.Second) }))
	}))
}
