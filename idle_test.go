package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestUseOfWhatWasIdle(t *testing.T) {
	t.Run("has it refreshed on, be the use a Preload", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		require.NoError(t, r.Preload(t.Context(), "db"))
		time.Sleep(time.Hour)
		require.Zero(t, spectest.StatusOf(t, r, "db").NextRead)
		require.NoError(t, r.Preload(t.Context(), "db"))
		p.Set("db", "two")
		p.Delay("db", 100*time.Millisecond)
		time.Sleep(time.Minute + time.Second)
		start := time.Now()
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Zero(t, time.Since(start), "nobody waits for it")
	}))

	for what, preload := range map[string]func(t *testing.T, r *secrets.Resolver){
		"": func(t *testing.T, r *secrets.Resolver) {
			require.NoError(t, r.Preload(t.Context(), "db"), "it is held")
		},
		", while somebody else reads it": func(t *testing.T, r *secrets.Resolver) {
			refresh := spectest.Ask(time.Minute, spectest.Refreshing(r, "db"))
			require.NoError(t, r.Preload(t.Context(), "db"), "it is held")
			<-refresh.Done
			require.ErrorIs(t, refresh.Err, secrets.ErrUnavailable)
		},
	} {
		t.Run("by a Preload that fails has it read until it is there"+what, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
			require.NoError(t, r.Preload(t.Context(), "db"))
			time.Sleep(time.Hour)
			p.Delay("db", 100*time.Millisecond)
			p.Fail("db", secrets.ErrUnavailable)
			preload(t, r)
			p.Heal()
			p.Set("db", "two")
			p.Delay("db", 100*time.Millisecond)
			time.Sleep(3 * time.Second)
			start := time.Now()
			assert.Equal(t, "two", spectest.Get(t, r, "db"))
			assert.Zero(t, time.Since(start), "nobody waits for it")
		}))
	}

	t.Run("while somebody else reads it waits for that, a second at most", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		for _, use := range []func() string{
			func() string { return spectest.Get(t, r, "db") },
			func() string {
				require.NoError(t, r.Preload(t.Context(), "db"))
				return spectest.Get(t, r, "db")
			},
		} {
			spectest.Get(t, r, "db")
			for delay, want := range map[time.Duration]time.Duration{100 * time.Millisecond: 100 * time.Millisecond, 3 * time.Second: time.Second} {
				time.Sleep(5 * time.Hour)
				p.ResetCalls()
				p.Delay("db", delay)
				refresh := spectest.Ask(time.Minute, spectest.Refreshing(r, "db"))
				start := time.Now()
				use()
				assert.Equal(t, want, time.Since(start))
				<-refresh.Done
				assert.Equal(t, 1, p.Reads("db"))
			}
		}
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
