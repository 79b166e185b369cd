package reading

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestFailureIsRemembered(t *testing.T) {
	// keepAsking asks for each of the names every few milliseconds.
	const pause = 10 * time.Millisecond
	keepAsking := func(t *testing.T, r *secrets.Resolver, length time.Duration, class error, names ...string) {
		for start := time.Now(); time.Since(start) < length; time.Sleep(pause) {
			for _, name := range names {
				_, err := r.Get(t.Context(), name)
				require.ErrorIs(t, err, class)
			}
		}
	}

	t.Run("for a quarter of a second, doubling to five, and never less than half of that", spectest.Bubble(func(t *testing.T) {
		const steps = 6 // the last of them is the longest
		r, p := spectest.Polled(t, nil)
		var names []string
		var all []*spectest.Visits
		for i := range 15 {
			name := fmt.Sprint("s", i)
			v := new(spectest.Visits)
			v.Fail(p, name, secrets.ErrPermission)
			names, all = append(names, name), append(all, v)
		}
		keepAsking(t, r, 25*time.Second, secrets.ErrPermission, names...)
		var shortest, longest [steps]time.Duration
		for _, v := range all {
			gaps := v.Gaps()
			require.Greater(t, len(gaps), steps)
			for i, gap := range gaps {
				i = min(i, steps-1)
				longest[i] = max(longest[i], gap)
				if shortest[i] == 0 || gap < shortest[i] {
					shortest[i] = gap
				}
			}
		}
		early, late := false, false
		for i := range steps {
			step := min(250*time.Millisecond<<i, 5*time.Second)
			assert.GreaterOrEqual(t, shortest[i], step/2, "step %d", i)
			assert.LessOrEqual(t, longest[i], step+pause, "step %d", i)
			early = early || shortest[i] < step/8*5
			late = late || longest[i] > step/8*7
		}
		assert.True(t, early, "of a hundred draws one is short")
		assert.True(t, late, "of a hundred draws one is long")
	}))

	t.Run("for as long as Retry-After says, but a minute at most", spectest.Bubble(func(t *testing.T) {
		for says, want := range map[time.Duration]time.Duration{20 * time.Second: 20 * time.Second, time.Hour: time.Minute} {
			r, p := spectest.Polled(t, nil)
			var v spectest.Visits
			v.Fail(p, "db", secretstest.Throttled(says))
			keepAsking(t, r, want+time.Second, secrets.ErrThrottled, "db")
			gaps := v.Gaps()
			require.Len(t, gaps, 1)
			assert.InDelta(t, want, gaps[0], float64(pause))
		}
	}))

	t.Run("if nothing is there, for the negative TTL", spectest.Bubble(func(t *testing.T) {
		for _, ttl := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 20 * time.Second} {
			r, p := spectest.Polled(t, nil, secrets.WithNegativeTTL(ttl))
			var v spectest.Visits
			v.Fail(p, "db", secrets.ErrNotFound)
			keepAsking(t, r, 3*ttl+ttl/2, secrets.ErrNotFound, "db")
			gaps := v.Gaps()
			require.Len(t, gaps, 3)
			for _, gap := range gaps {
				assert.InDelta(t, ttl, gap, float64(pause))
			}
		}
	}))
}

func TestFailingGetInALoop(t *testing.T) {
	for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrNotFound, errors.New("no class")} {
		t.Run("of a minute costs at most 150 reads: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, nil)
			p.Fail(secretstest.All, class)
			for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
				_, err := r.Get(t.Context(), "app/db")
				require.Error(t, err)
			}
			assert.LessOrEqual(t, p.Calls().Reads, 150)
			assert.Greater(t, p.Calls().Reads, 10, "it is tried again")
		}))
	}

	t.Run("is told how old the answer is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail(secretstest.All, secrets.ErrPermission)
		_, _ = r.Get(t.Context(), "db")
		time.Sleep(100 * time.Millisecond)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorContains(t, err, "as of 100ms ago")
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("does not keep Refresh from asking", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Set("db", "one")
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		s, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))
}
