package watching

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

// A name without a value has nobody but its watcher to ask for it again.
func TestWatchOfANameWithoutAValue(t *testing.T) {
	const many = 64 // none of so many draws in a given half: once in 2^64

	// failing watches a name on each of many resolvers, and has its reads fail.
	failing := func(t *testing.T, opts ...secrets.Option) (all []*spectest.Visits, ps []*secretstest.Provider) {
		for range many {
			r, p := spectest.Polled(t, nil, opts...)
			v := new(spectest.Visits)
			v.Fail(p, "db", secrets.ErrPermission)
			spectest.Watch(t, r, "db")
			all, ps = append(all, v), append(ps, p)
		}
		return all, ps
	}

	t.Run("asks again after half a second to one and a half, and never more than about half a minute later", spectest.Bubble(func(t *testing.T) {
		all, _ := failing(t)
		time.Sleep(4 * time.Minute)
		var longest time.Duration
		low, high := time.Hour, time.Duration(0)
		for _, v := range all {
			gaps := v.Gaps()
			require.NotEmpty(t, gaps)
			low, high = min(low, gaps[0]), max(high, gaps[0])
			for _, gap := range gaps {
				longest = max(longest, gap)
			}
		}
		assert.GreaterOrEqual(t, low, 500*time.Millisecond)
		assert.Less(t, low, time.Second)
		assert.Greater(t, high, time.Second)
		assert.LessOrEqual(t, high, 1501*time.Millisecond)
		// One that comes while the last failure is still remembered, which is
		// for 5 s at most, reads nothing, and the next is as long.
		assert.Greater(t, longest, 15*time.Second)
		assert.LessOrEqual(t, longest, 36*time.Second)
	}))

	t.Run("asks as soon as at first when it fails again after a success", spectest.Bubble(func(t *testing.T) {
		_, ps := failing(t, secrets.WithTTL(0)) // no refresher: each read is the watcher's
		time.Sleep(time.Minute)                 // several failures
		for _, p := range ps {
			p.Set("db", "one")
		}
		time.Sleep(time.Minute)
		var all []*spectest.Visits
		for _, p := range ps {
			v := new(spectest.Visits)
			v.Fail(p, "db", secrets.ErrPermission)
			all = append(all, v)
		}
		time.Sleep(10 * time.Second)
		var high time.Duration
		for _, v := range all {
			gaps := v.Gaps()
			require.NotEmpty(t, gaps)
			high = max(high, gaps[0])
		}
		assert.LessOrEqual(t, high, 1501*time.Millisecond)
	}))

	t.Run("reads a missing name once, and then once in 0.8 to 1.0 TTL", spectest.Bubble(func(t *testing.T) {
		for _, notifies := range []bool{false, true} {
			var r *secrets.Resolver
			var p *secretstest.Provider
			if r, p = spectest.Polled(t, nil); notifies {
				r, p = spectest.Pushed(t, nil)
			}
			v := new(spectest.Visits)
			v.Fail(p, "db", secrets.ErrNotFound)
			w := spectest.Watch(t, r, "db")
			time.Sleep(time.Hour)
			assert.Equal(t, []string{"<not found>"}, w.All())
			gaps := v.Gaps()
			p.Set("db", "here")
			time.Sleep(5*time.Minute + time.Millisecond)
			assert.Equal(t, []string{"<not found>", "here"}, w.All())
			if notifies { // it may have come between the read and the watch
				assert.Less(t, gaps[0], time.Second)
				gaps = gaps[1:]
			}
			assert.GreaterOrEqual(t, len(gaps), 11)
			for _, gap := range gaps {
				assert.GreaterOrEqual(t, gap, 4*time.Minute)
				assert.LessOrEqual(t, gap, 5*time.Minute+time.Millisecond)
			}
		}
	}))

	t.Run("reads a deleted name as seldom, once a search has not found it either", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		var v spectest.Visits
		v.Fail(p, "db", secrets.ErrNotFound)
		time.Sleep(30 * time.Minute)
		assert.Equal(t, []string{"one", "<not found>"}, w.All())
		gaps := v.Gaps()
		require.Greater(t, len(gaps), 4)
		assert.Zero(t, gaps[0], "the refresh that found it gone, and the search")
		for _, gap := range gaps[1:] {
			assert.GreaterOrEqual(t, gap, 4*time.Minute)
		}
	}))

	t.Run("reads nothing once it has ended", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		w := spectest.Watch(t, r, "db")
		time.Sleep(time.Minute) // its absence is no longer remembered
		p.ResetCalls()
		w.Cancel()
		<-w.Ended
		time.Sleep(time.Minute)
		assert.Zero(t, p.Calls().Reads)
	}))
}

// Without a refresher it is the watcher who sees to it that a name is read.
func TestWatchOnDemandSleeps(t *testing.T) {
	t.Run("a tenth of a second where the read is due in less, and so sees a change as soon", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithOnDemand())
		change := func(data string, next time.Duration) {
			p.SetFunc("db", func(context.Context) (secrets.Value, error) {
				return secrets.Value{Data: []byte(data), Version: data, RefreshAt: time.Now().Add(next)}, nil
			})
		}
		change("one", 10*time.Second)
		spectest.Get(t, r, "db")
		change("two", time.Hour)
		time.Sleep(10*time.Second - 50*time.Millisecond)
		w := spectest.Watch(t, r, "db")
		assert.Equal(t, []string{"one"}, w.All())
		time.Sleep(101 * time.Millisecond)
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))

	t.Run("and its provider is not asked to watch for a name that is missing or that could not be read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, nil, secrets.WithOnDemand())
		p.Fail("down", secrets.ErrUnavailable)
		spectest.Watch(t, r, "missing")
		spectest.Watch(t, r, "down")
		time.Sleep(time.Minute)
		assert.Zero(t, p.Calls().Watches)
	}))
}

// When a Watch asks again for a name that is not held. The times are drawn, so
// that many watches show their bounds.
func TestAWatchAsksAgain(t *testing.T) {
	names := spectest.Numbered("w", 40)
	watchAll := func(t *testing.T, r *secrets.Resolver) (all []*spectest.Watching) {
		for _, name := range names {
			all = append(all, spectest.Watch(t, r, name))
		}
		return all
	}
	t.Run("after long in half a minute at most, and what is remembered for five seconds more", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		for _, name := range names {
			p.Fail(name, secrets.ErrPermission)
		}
		all := watchAll(t, r)
		time.Sleep(10 * time.Minute)
		p.Heal()
		for _, name := range names {
			p.Set(name, "here")
		}
		time.Sleep(36 * time.Second)
		for _, w := range all {
			assert.Equal(t, []string{"<permission denied>", "here"}, w.All())
		}
	}))
	t.Run("once at most for what was just found to be gone", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		w := spectest.Watch(t, r, "db")
		p.Delete("db")
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"one", "<not found>"}, w.All())
		assert.LessOrEqual(t, p.Reads("db"), 3)
	}))
}
