package secrets_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
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

// A jump of the wall clock has everything read again within five seconds, so
// that reads are how a test sees that one was noticed.
func TestWallTimeThatRunsAhead(t *testing.T) {
	const noticed = 7 * time.Second // a look at the clocks, and the reads that it brings about

	t.Run("by two seconds in all is drift, and by more a jump", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely(), c.option())
		spectest.Get(t, r, "db")
		for range 4 {
			c.step(500 * time.Millisecond)
			time.Sleep(noticed)
			assert.Equal(t, 1, p.Reads("db"))
		}
		c.step(1)
		time.Sleep(noticed)
		assert.Equal(t, 2, p.Reads("db"))
		c.step(2 * time.Second)
		time.Sleep(noticed)
		assert.Equal(t, 2, p.Reads("db"), "it is counted anew after a jump")
	}))

	t.Run("is noticed from wherever it was set back to, however often", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely(), c.option())
		spectest.Get(t, r, "db")
		for i := range 3 {
			c.step(-24 * time.Hour)
			time.Sleep(noticed)
			assert.Equal(t, 1+i, p.Reads("db"), "a step back changes nothing")
			c.step(time.Hour)
			time.Sleep(noticed)
			assert.Equal(t, 2+i, p.Reads("db"))
		}
		c.step(-24 * time.Hour)
		time.Sleep(noticed)
		c.step(-24 * time.Hour)
		time.Sleep(noticed)
		c.step(time.Hour)
		time.Sleep(noticed)
		assert.Equal(t, 5, p.Reads("db"))
	}))

	t.Run("is noticed by a Get on demand, which has no other who looks", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely(), secrets.WithOnDemand(), c.option())
		spectest.Get(t, r, "db")
		c.step(2 * time.Second)
		spectest.Get(t, r, "db")
		assert.Equal(t, 1, p.Reads("db"))
		c.step(1)
		spectest.Get(t, r, "db")
		assert.Equal(t, 2, p.Reads("db"))
	}))
}

func TestAClockJump(t *testing.T) {
	t.Run("spreads the reads of what is held over five seconds, and each happens when Status says", spectest.Bubble(func(t *testing.T) {
		const jump = 24 * time.Hour
		c := newSteps()
		p := spectest.NewPolled(nil)
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Hour), c.option()) // no batches, which would take them together
		names := spectest.Numbered("s", 50)
		for _, name := range names {
			p.Set(name, "v")
			spectest.Get(t, r, name)
		}
		p.ResetCalls()
		look := time.Now() // and then once a second
		spectest.SleepUntil(look.Add(500 * time.Millisecond))
		c.step(jump)
		seen := look.Add(time.Second)
		spectest.SleepUntil(seen)
		next, first := spectest.NextReads(t, r)
		require.Len(t, next, len(names))
		var due []time.Time
		for _, at := range next {
			due = append(due, at.Add(-jump))
		}
		slices.SortFunc(due, time.Time.Compare)
		assert.False(t, due[0].Before(seen))
		assert.Less(t, due[len(due)-1].Sub(seen), 5*time.Second)
		assert.Greater(t, due[len(due)-1].Sub(first.Add(-jump)), 2*time.Second, "not all at once")
		for i, at := range due {
			if i+1 < len(due) && due[i+1].Equal(at) {
				continue // two of the same draw
			}
			spectest.SleepUntil(at)
			require.Equal(t, i+1, p.Calls().Reads, "%v after the jump was seen", at.Sub(seen))
		}
	}))

	t.Run("leaves a document that is read on demand to its next Get", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one", "key": "k"}, secrets.WithOnDemand(), c.option())
		spectest.Get(t, r, "db")
		spectest.Get(t, r, "key")
		c.step(24 * time.Hour)
		spectest.Get(t, r, "db")
		assert.Equal(t, 2, p.Reads("db"))
		for _, s := range r.Status() {
			assert.Zero(t, s.NextRead, "%s is read when somebody asks", s.Document)
		}
		time.Sleep(time.Minute)
		assert.Equal(t, 1, p.Reads("key"))
		spectest.Get(t, r, "key")
		assert.Equal(t, 2, p.Reads("key"))
	}))
}

func TestAgeOfWhatWasHeldThroughASleep(t *testing.T) {
	t.Run("has the time in it for which the machine slept, once a read has failed", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, c.option(), l.Option(), secrets.WithMaxStale(24*time.Hour))
		time.Sleep(20 * time.Minute)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(time.Minute)
		c.step(3 * time.Hour)
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 3*time.Hour+time.Minute, l.First(t, secrets.EventStale).Age, float64(10*time.Second))

		c.step(21 * time.Hour)
		time.Sleep(time.Minute)
		assert.ErrorContains(t, r.Healthy(), "expired, 24h2m")
	}))
}

const (
	never  = time.Duration(math.MaxInt64)
	before = time.Duration(math.MinInt64)
)

func year(y int) time.Time { return time.Date(y, 12, 31, 23, 59, 59, 0, time.UTC) }

func TestTimesBeyondWhatNanosecondsCount(t *testing.T) {
	t.Run("are read no more often than the TTL says", spectest.Bubble(func(t *testing.T) {
		for _, end := range []time.Time{year(2261), year(2300), year(9999), year(100_000), time.Unix(math.MaxInt64/2, 0)} {
			for what, v := range map[string]secrets.Value{
				"Expires":                          {Expires: end},
				"RefreshAt":                        {RefreshAt: end},
				"Expires and RefreshAt":            {Expires: end, RefreshAt: end},
				"Expires, of a lease":              {Expires: end, Lease: 1},
				"Expires and RefreshAt of a lease": {Expires: end, RefreshAt: end, Lease: 1},
				"Created":                          {Created: end},
			} {
				r, p := spectest.Polled(t, nil)
				v.Data = []byte("one")
				p.SetValue("db", v)
				spectest.Get(t, r, "db")
				stop := spectest.KeepUsing(t, r, "db")
				time.Sleep(time.Hour)
				stop()
				assert.Equal(t, "one", spectest.Get(t, r, "db"))
				assert.LessOrEqual(t, p.Reads("db")+p.Calls().Renewals, 16, "%s at %v", what, end)
				require.NoError(t, r.Healthy())
				require.NoError(t, r.Close())
			}
		}
	}))

	t.Run("are told as they are, and by JSON as far as it can", spectest.Bubble(func(t *testing.T) {
		for at, want := range map[time.Time]time.Time{
			year(1677): year(1677), year(1850): year(1850), time.Unix(0, 0).UTC(): time.Unix(0, 0).UTC(),
			year(2300): year(2300), year(9998): year(9998),
			year(10_000): time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), year(-5): {},
		} {
			r, p := spectest.Polled(t, nil)
			v := secrets.Value{Data: []byte("one"), Created: at}
			if at.After(time.Now()) {
				v.Expires = at
			}
			p.SetValue("db", v)
			spectest.Get(t, r, "db")
			s := spectest.StatusOf(t, r, "db")
			assert.Equal(t, want, s.Created)
			if !v.Expires.IsZero() {
				assert.Equal(t, want, s.Expires)
			}
			_, err := json.Marshal(r.Status())
			require.NoError(t, err)
		}
	}))

	t.Run("of options are as good as none", spectest.Bubble(func(t *testing.T) {
		for what, opts := range map[string][]secrets.Option{
			"TTL":         {secrets.WithTTL(never)},
			"MaxStale":    {secrets.WithMaxStale(never)},
			"both":        {secrets.WithTTL(never), secrets.WithMaxStale(never)},
			"Timeout":     {secrets.WithTimeout(never)},
			"Idle":        {secrets.WithIdle(never)},
			"NegativeTTL": {secrets.WithNegativeTTL(never)},
			"all": {
				secrets.WithTTL(never), secrets.WithMaxStale(never), secrets.WithTimeout(never), secrets.WithIdle(never), secrets.WithNegativeTTL(never),
			},
		} {
			for _, onDemand := range []bool{false, true} {
				if onDemand {
					opts = append(opts, secrets.WithOnDemand())
				}
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, opts...)
				require.NoError(t, r.Preload(t.Context(), "db"))
				_, err := r.Get(t.Context(), "none")
				require.ErrorIs(t, err, secrets.ErrNotFound)
				stop := spectest.KeepUsing(t, r, "db", "none")
				time.Sleep(time.Hour)
				stop()
				assert.Equal(t, "one", spectest.Get(t, r, "db"))
				assert.LessOrEqual(t, p.Reads("db"), 16, what)
				assert.LessOrEqual(t, p.Reads("none"), 1801, what)
				require.NoError(t, r.Healthy())
				_, err = json.Marshal(r.Status())
				require.NoError(t, err)
				require.NoError(t, r.Close())
			}
		}
	}))

	t.Run("that a backend asks to be left alone are obeyed up to a bound", spectest.Bubble(func(t *testing.T) {
		for _, after := range []time.Duration{never, before, -time.Second} {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
			p.Fail("none", secretstest.Throttled(after))
			_, err := r.Get(t.Context(), "none")
			require.ErrorIs(t, err, secrets.ErrThrottled)
			assert.LessOrEqual(t, p.Reads("none"), 40, fmt.Sprint(after))
			spectest.Get(t, r, "db")
			p.Fail("db", secretstest.Throttled(after))
			stop := spectest.KeepUsing(t, r, "db")
			time.Sleep(30 * time.Minute)
			assert.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "db").State)
			p.Heal()
			p.Set("db", "two")
			time.Sleep(62 * time.Minute)
			stop()
			assert.Equal(t, "two", spectest.Get(t, r, "db"), fmt.Sprint(after))
		}
	}))

	t.Run("of a clock that is set to them make everything due, and end nothing but what they must", spectest.Bubble(func(t *testing.T) {
		var ahead atomic.Int64 // seconds
		start := time.Now()
		p := secretstest.NewProvider(map[string]string{"db": "one"})
		r := secrets.New(p, secrets.WithLogger(nil), secrets.WithMaxStale(never), secrets.WithClock(
			func() time.Time { return time.Unix(time.Now().Unix()+ahead.Load(), 0) }, func() time.Duration { return time.Since(start) }))
		defer r.Close()
		spectest.Get(t, r, "db")
		ahead.Store(year(9990).Unix() - start.Unix())
		reads := p.Reads("db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.InDelta(t, reads+1, p.Reads("db"), 1)
	}))
}
