package refreshing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
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

// AWS Lambda sets the variable in every function, and freezes the process
// between requests.
func TestOnLambda(t *testing.T) {
	for what, of := range map[string]struct {
		function string
		early    int // reads of what was used a minute ago, at a TTL of a minute
	}{
		"nothing is read while nobody asks":                     {"checkout", 1},
		"without a function's name, what is used is read again": {"", 2},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_FUNCTION_NAME", of.function)
			spectest.Bubble(func(t *testing.T) {
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
				spectest.Get(t, r, "db")
				p.Set("db", "two")
				time.Sleep(61 * time.Second)
				assert.Equal(t, of.early, p.Reads("db"))
				assert.Equal(t, "two", spectest.Get(t, r, "db"))
				assert.Equal(t, 2, p.Reads("db"))
			})(t)
		})
	}
}
