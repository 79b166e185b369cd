package outage

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// Classes of each kind: what speaks of a document alone, and what speaks of
// its provider. They are spaced alike, the ones for the document, the others
// for all of the provider's.
var ownAndProviders = []error{secrets.ErrPermission, secrets.ErrUnavailable, secrets.ErrThrottled}

func TestRefreshesThatFail(t *testing.T) {
	for _, class := range ownAndProviders {
		t.Run("are spaced by up to a second, two, four … thirty, drawn at random: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			const steps = 6 // the last of them is the longest
			var longest [steps]time.Duration
			var all []*spectest.Visits
			for range 40 {
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
				spectest.Watch(t, r, "db")
				v := new(spectest.Visits)
				v.Fail(p, "db", class)
				all = append(all, v)
			}
			time.Sleep(10 * time.Minute)
			for _, v := range all {
				gaps := v.Gaps()
				require.Greater(t, len(gaps), steps)
				for i, gap := range gaps {
					i = min(i, steps-1)
					longest[i] = max(longest[i], gap)
				}
			}
			for i, gap := range longest {
				step := min(time.Second<<i, 30*time.Second)
				assert.LessOrEqual(t, gap, step+time.Millisecond, "step %d", i)
				assert.Greater(t, gap, step/2, "step %d: of forty draws one is in the longer half", i)
			}
		}))

		t.Run("are as far apart as Retry-After says, but an hour at most: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			for says, want := range map[time.Duration]time.Duration{10 * time.Minute: 10 * time.Minute, 5 * time.Hour: time.Hour} {
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
				spectest.Watch(t, r, "db")
				var v spectest.Visits
				v.Fail(p, "db", &spectest.RetryAfterError{Err: class, After: says})
				time.Sleep(want + 2*time.Minute)
				gaps := v.Gaps()
				require.Len(t, gaps, 1)
				assert.InDelta(t, want, gaps[0], float64(time.Millisecond))
			}
		}))
	}

	t.Run("in one batch obey the longest Retry-After of it, wherever it stands", spectest.Bubble(func(t *testing.T) {
		for _, says := range [][2]time.Duration{{5 * time.Minute, 10 * time.Minute}, {10 * time.Minute, 5 * time.Minute}} {
			r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, secrets.WithTTL(time.Minute))
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			spectest.Watch(t, r, "a")
			spectest.Watch(t, r, "b")
			p.Fail("a", secretstest.Throttled(says[0]))
			p.Fail("b", secretstest.Throttled(says[1]))
			time.Sleep(time.Minute)
			p.ResetCalls()
			time.Sleep(8 * time.Minute)
			assert.Zero(t, p.Calls().Reads)
			time.Sleep(2 * time.Minute)
			assert.Positive(t, p.Calls().Reads)
		}
	}))

	t.Run("together, having been under way together, are one failure of their provider", spectest.Bubble(func(t *testing.T) {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for range 20 {
			docs := make(map[string]string)
			for _, name := range names {
				docs[name] = "v"
			}
			r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
			p.Disable(secretstest.Batch)
			require.NoError(t, r.Preload(t.Context(), names...))
			for _, name := range names {
				spectest.Watch(t, r, name)
			}
			p.Delay(secretstest.All, 10*time.Millisecond)
			var v spectest.Visits
			for _, name := range names {
				v.Fail(p, name, secrets.ErrUnavailable)
			}
			time.Sleep(62 * time.Second)
			gaps := v.Gaps()
			require.GreaterOrEqual(t, len(gaps), len(names))
			for _, gap := range gaps[:len(names)-1] {
				require.Zero(t, gap, "they were under way together")
			}
			assert.LessOrEqual(t, gaps[len(names)-1], 1011*time.Millisecond, "the first step is a second at most")
			require.NoError(t, r.Close())
		}
	}))

	t.Run("are kept away by the Retry-After of a Refresh, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Watch(t, r, "db")
		p.Fail("db", secretstest.Throttled(10*time.Minute))
		p.ResetCalls()
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrThrottled)
		time.Sleep(9 * time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("are kept away by the Retry-After of a Get of an idle secret, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		p.Fail("db", secretstest.Throttled(10*time.Minute))
		p.ResetCalls()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		spectest.KeepUsing(t, r, "db")
		time.Sleep(9 * time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 2, p.Reads("db"))
	}))
}

func TestProviderThatFails(t *testing.T) {
	// reads returns how many reads forty documents cost in ten minutes in which
	// all fail, read one by one.
	reads := func(t *testing.T, class error) int {
		docs := map[string]string{}
		var names []string
		for i := range 40 {
			name := string(rune('A' + i))
			docs[name], names = "v", append(names, name)
		}
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
		p.Disable(secretstest.Batch)
		require.NoError(t, r.Preload(t.Context(), names...))
		for _, name := range names {
			spectest.Watch(t, r, name)
		}
		p.Fail(secretstest.All, class)
		time.Sleep(time.Minute)
		p.ResetCalls()
		time.Sleep(10 * time.Minute)
		return p.Calls().Reads
	}
	for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrUnauthenticated} {
		t.Run("is asked by one refresh a step, for all of its documents: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			assert.Less(t, reads(t, class), 100)
		}))
	}
	for _, class := range []error{secrets.ErrPermission, secrets.ErrInvalid} {
		t.Run("for some documents alone is asked for each of them: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			assert.Greater(t, reads(t, class), 40*10*60/30)
		}))
	}

	// left returns a resolver whose provider has asked to be left alone for half
	// an hour, in a refresh of db.
	left := func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Watch(t, r, "db")
		p.Fail("db", secretstest.Throttled(30*time.Minute))
		time.Sleep(time.Minute)
		p.Heal()
		p.ResetCalls()
		return r, p
	}

	t.Run("is asked again as soon as anybody has an answer of it", spectest.Bubble(func(t *testing.T) {
		for name, class := range map[string]error{"missing": secrets.ErrNotFound, "denied": secrets.ErrPermission, "there": nil} {
			r, p := left(t)
			time.Sleep(10 * time.Minute)
			require.Zero(t, p.Reads("db"), "it is left alone")
			p.Set("there", "v")
			p.Fail("denied", secrets.ErrPermission)
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, class)
			time.Sleep(2 * time.Second)
			assert.Equal(t, 1, p.Reads("db"), "%s", name)
		}
	}))

	t.Run("is left alone on, whatever reads were given up before they began", spectest.Bubble(func(t *testing.T) {
		r, p := left(t)
		leave := spectest.FillSlots(t, r, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Get(ctx, "late")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(2 * time.Second)
		assert.Zero(t, p.Reads("late"), "it never began")
		assert.Zero(t, p.Reads("db"))
		leave()
	}))

	t.Run("for those who wait is refreshed on all the same: they are spaced by what is remembered", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Watch(t, r, "db")
		p.Fail("other", secretstest.Throttled(30*time.Minute))
		_, err := r.Get(t.Context(), "other")
		require.ErrorIs(t, err, secrets.ErrThrottled)
		time.Sleep(time.Minute)
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("that says it is closed is asked no more often than one that fails otherwise", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one", "other": "one"}, secrets.WithTTL(time.Minute))
		spectest.Watch(t, r, "db")
		p.Fail(secretstest.All, secrets.ErrClosed)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Get(ctx, "other")
		require.ErrorIs(t, err, secrets.ErrClosed)
		assert.Equal(t, 1, p.Reads("other"))
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, p.Reads("db"), 100)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "db").State)
		p.Heal()
		time.Sleep(31 * time.Second)
		assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
		assert.Equal(t, "one", spectest.Get(t, r, "other"))
	}))
}
