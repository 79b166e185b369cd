package policy

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// drawn returns the least and the most of a hundred thousand draws, or so.
func drawn(wait func() time.Duration) (least, most time.Duration) {
	least = math.MaxInt64
	for range 20_000 {
		d := wait()
		least, most = min(least, d), max(most, d)
	}
	return least, most
}

func TestWaits(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for what, c := range map[string]struct {
		wait  func(n int, retryAfter time.Duration) time.Duration
		limit []time.Duration // after the first failure, the second …
		from  float64         // what part of that is the least
	}{
		"a failure is remembered for a quarter of a second doubling to five": {Memory, []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms}, 0.5},
		"a cold read is tried again after up to 100 ms doubling to 2 s":      {Cold, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2000 * ms, 2000 * ms}, 0},
		"a refresh that fails is tried again after up to 1 s doubling to 30": {Refresh, []time.Duration{1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 16_000 * ms, 30_000 * ms, 30_000 * ms}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for i, limit := range c.limit {
				least, most := drawn(func() time.Duration { return c.wait(i+1, 0) })
				lowest := time.Duration(float64(limit) * c.from)
				assert.GreaterOrEqual(t, least, lowest, "failure %d", i+1)
				assert.Less(t, least, lowest+limit/50, "failure %d: all of the range is drawn from", i+1)
				assert.LessOrEqual(t, most, limit, "failure %d", i+1)
				assert.Greater(t, most, limit-limit/50, "failure %d: all of the range is drawn from", i+1)
			}
			_, most := drawn(func() time.Duration { return c.wait(math.MaxInt, 0) })
			assert.LessOrEqual(t, most, c.limit[len(c.limit)-1])
			_, most = drawn(func() time.Duration { return c.wait(1, -time.Hour) })
			assert.LessOrEqual(t, most, c.limit[0], "no time is asked for")
			assert.Equal(t, 40*time.Second, c.wait(1, 40*time.Second), "what the server asks for is the least")
		})
	}

	t.Run("what a server asks for has a limit where nobody waits", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, time.Minute, Memory(1, math.MaxInt64))
		assert.Equal(t, time.Hour, Refresh(1, math.MaxInt64))
		assert.Equal(t, time.Duration(math.MaxInt64), Cold(1, math.MaxInt64))
	})

	t.Run("reads are spread over 0.8 to 1.0 of the TTL", func(t *testing.T) {
		t.Parallel()
		least, most := 1.0, 0.0
		for range 20_000 {
			f := Spread()
			least, most = min(least, f), max(most, f)
		}
		assert.InDelta(t, 0.8, least, 0.002)
		assert.InDelta(t, 1.0, most, 0.002)
		assert.GreaterOrEqual(t, least, 0.8)
		assert.Less(t, most, 1.0)
	})

	t.Run("the same chance gives the same waits", func(t *testing.T) {
		t.Parallel()
		half := Chance(func(n int64) int64 { return n / 2 })
		assert.Equal(t, 187_500*time.Microsecond, half.Memory(1, 0))
		assert.Equal(t, 50*ms, half.Cold(1, 0))
		assert.Equal(t, 500*ms, half.Refresh(1, 0))
		assert.InDelta(t, 0.9, half.Spread(), 1e-9)
	})

	t.Run("full jitter of nothing is nothing", func(t *testing.T) {
		t.Parallel()
		assert.Zero(t, FullJitter(0))
		assert.Zero(t, FullJitter(-time.Second))
		assert.GreaterOrEqual(t, FullJitter(math.MaxInt64), time.Duration(0))
	})

	t.Run("doubling ends at its limit, however large that is", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, time.Duration(math.MaxInt64), Doubling(1000, time.Second, math.MaxInt64))
		assert.Equal(t, time.Second, Doubling(1, 2*time.Second, time.Second))
		assert.Equal(t, 4*time.Second, Doubling(3, time.Second, time.Minute))
	})
}

func TestTimesDoNotWrapAround(t *testing.T) {
	t.Parallel()
	const first, last = int64(math.MinInt64), int64(math.MaxInt64)

	for _, c := range []struct{ a, b, sum int64 }{
		{1, 2, 3}, {last, 0, last}, {last, 1, last}, {last, last, last}, {first, -1, first}, {first, first, first}, {last, first, -1}, {first, last, -1}, {-5, 5, 0},
	} {
		assert.Equal(t, c.sum, Add(c.a, c.b), "%d + %d", c.a, c.b)
		assert.Equal(t, c.sum, Add(c.b, c.a), "%d + %d", c.b, c.a)
	}
	for _, c := range []struct{ a, b, difference int64 }{
		{3, 2, 1}, {last, -1, last}, {first, 1, first}, {0, first, last}, {-1, first, last}, {first, first, 0}, {last, last, 0}, {last, first, last},
	} {
		assert.Equal(t, c.difference, Sub(c.a, c.b), "%d - %d", c.a, c.b)
	}
	assert.Equal(t, last, Part(last, 1))
	assert.Equal(t, last, Part(last, 3))
	assert.Equal(t, first, Part(first, 3))
	assert.Equal(t, int64(50), Part(int64(100), 0.5))

	for text, want := range map[string]int64{
		"1970-01-01T00:00:01Z": 1_000_000_000,
		"2262-01-01T00:00:00Z": 9_214_646_400_000_000_000,
		"2263-01-01T00:00:00Z": last,
		"9999-12-31T23:59:59Z": last,
		"0001-01-01T00:00:00Z": -last,
	} {
		when, err := time.Parse(time.RFC3339, text)
		assert.NoError(t, err)
		assert.Equal(t, want, Nanoseconds(when), text)
	}
}
