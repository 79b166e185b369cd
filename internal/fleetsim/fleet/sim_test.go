package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plenty is a backend that never throttles and reads ten documents in a call.
var plenty = Backend{Grouped: true, Parallel: 10, Latency: 20 * time.Millisecond, Batch: OneCall{Size: 10, Min: 2}, Single: PerSecond(1e6)}

// narrow is one that reads as many in a call, and answers so many calls a second.
func narrow(rate float64) Backend {
	b := plenty
	b.Single = PerSecond(rate)
	return b
}

func TestRun(t *testing.T) {
	t.Run("the same seed gives the same run, another seed another", func(t *testing.T) {
		p := Params{Backend: narrow(4), Processes: 50, Documents: 10, Duration: 5 * time.Minute}
		one, two := Run(p), Run(p)
		assert.Equal(t, one, two)
		p.Seed++
		assert.NotEqual(t, one.Seconds, Run(p).Seconds)
	})

	t.Run("every call is answered, throttled or refused", func(t *testing.T) {
		r := Run(Params{
			Backend: narrow(4), Processes: 50, Documents: 10, Duration: 20 * time.Minute,
			Outages: []Outage{{4 * time.Minute, 6 * time.Minute}},
		})
		total := r.Total(0, 0)
		assert.Equal(t, total.Calls, total.OK+total.Throttled+total.Refused)
		assert.Positive(t, total.OK)
		assert.Positive(t, total.Throttled)
		assert.Positive(t, total.Refused)
	})

	t.Run("the backend answers no more than its quota", func(t *testing.T) {
		r := Run(Params{Backend: narrow(4), Processes: 100, Documents: 10, Duration: 2 * time.Minute})
		assert.LessOrEqual(t, r.Total(0, 0).OK, 4+4*120)
	})

	t.Run("each process makes a call for each ten documents, once in 0.9 TTL", func(t *testing.T) {
		r := Run(Params{Backend: plenty, Processes: 100, Documents: 40, Duration: 5 * time.Hour, Warm: true})
		want := 100 * 4 * float64(5*time.Hour) / (0.9 * float64(DefaultTTL))
		assert.InEpsilon(t, want, r.Total(0, 0).Calls, 0.01)
	})

	t.Run("without batches it is a call for each document", func(t *testing.T) {
		p := Params{Backend: plenty, Processes: 50, Documents: 40, Duration: time.Hour}
		together := Run(p).Total(0, 0).Calls
		p.NoBatch = true
		assert.InEpsilon(t, 10, float64(Run(p).Total(0, 0).Calls)/float64(together), 0.05)
	})

	t.Run("after a start of all at once, jitter makes the peak of the first refreshes less than a 25th", func(t *testing.T) {
		p := Params{Backend: plenty, Processes: 1000, Documents: 10, Duration: 10 * time.Minute}
		with := Run(p).Peak(2*time.Minute, 0)
		p.NoJitter = true
		without := Run(p).Peak(2*time.Minute, 0)
		assert.Equal(t, 1000, without)
		assert.Less(t, with, without/25) // 1000 over 60 s are 17 a second, and chance adds to some of them
	})

	t.Run("values are never older than a TTL while the backend answers", func(t *testing.T) {
		most, _ := Run(Params{Backend: plenty, Processes: 100, Documents: 10, Duration: time.Hour, Warm: true}).Oldest(0)
		assert.LessOrEqual(t, most, DefaultTTL)
		assert.Greater(t, most, DefaultTTL*9/10)
	})

	t.Run("a cold start of a fleet against a backend that throttles nearly all of it converges", func(t *testing.T) {
		r := Run(Params{Backend: narrow(20), Processes: 1000, Documents: 1, Duration: time.Hour, UntilStarted: true})
		at, ok := r.StartedBy(1)
		require.True(t, ok)
		assert.Less(t, at, 90*time.Second, "1,000 calls at 20 a second are 50 s")
		assert.Greater(t, r.ThrottledShare(0, at), 0.9)
	})

	t.Run("it converges with ten documents too, and with processes that crash", func(t *testing.T) {
		for _, crash := range []bool{false, true} {
			r := Run(Params{Backend: narrow(20), Processes: 500, Documents: 10, Duration: 2 * time.Hour, UntilStarted: true, Crash: crash})
			_, ok := r.StartedBy(1)
			assert.True(t, ok, "crash: %v", crash)
		}
	})

	t.Run("a rollout slower than the quota is throttled no more", func(t *testing.T) {
		r := Run(Params{Backend: narrow(20), Processes: 1000, Documents: 10, Rollout: 100 * time.Second, Duration: time.Hour, UntilStarted: true})
		assert.Zero(t, r.Total(0, 0).Throttled)
	})

	t.Run("after an outage all have read within 31 s, and not in the same moment", func(t *testing.T) {
		from, to := 10*time.Minute, 20*time.Minute
		r := Run(Params{Backend: plenty, Processes: 1000, Documents: 10, Warm: true, Duration: 25 * time.Minute, Outages: []Outage{{from, to}}})
		caught := r.Total(to, to+31*time.Second)
		assert.GreaterOrEqual(t, caught.OK, 1000)
		assert.Less(t, r.Peak(to, 0), 150)
	})

	t.Run("a month costs what its calls and its documents cost", func(t *testing.T) {
		b := plenty
		b.Price = Price{Calls: 0.05, Month: 0.40}
		r := Run(Params{Backend: b, Processes: 100, Documents: 10, Duration: time.Hour, Warm: true})
		calls, kept := r.Monthly(0)
		assert.InEpsilon(t, float64(r.Total(0, 0).OK)*730/10_000*0.05, calls, 0.01)
		assert.InDelta(t, 4, kept, 1e-9)
	})
}
