// Package policy computes every wait of the library, by pure functions: how long
// until a document is read, and until something that failed is tried again. It
// links nothing but math, so that backends, consumers and the fleet simulator can
// share its rules.
package policy

import (
	"math"
	"math/rand/v2"
	"time"
)

// The steps of the waits.
const (
	memoryFirst = 250 * time.Millisecond // of the memory of a failed read or login
	memoryLimit = 5 * time.Second

	coldFirst = 100 * time.Millisecond // between the tries of a read that a caller waits for
	coldLimit = 2 * time.Second

	refreshFirst = time.Second // between refreshes that fail
	refreshLimit = 30 * time.Second

	maxRemembered = time.Minute // the longest Retry-After that a failure is remembered for
	maxObeyed     = time.Hour   // the longest Retry-After that delays refreshes

	spreadFrom, spreadWidth = 0.8, 0.2 // of the TTL
)

// A Chance returns a random number from 0 up to n, n not included. The functions of
// this package use math/rand/v2; the simulator has a seeded Chance.
type Chance func(n int64) int64

var chance Chance = rand.Int64N

// Memory returns for how long the n-th failure in a row is remembered, n from
// 1: 0.25 s doubling to 5 s, anywhere in the later half of that, and at least
// what the server asked for, up to a minute.
func Memory(n int, retryAfter time.Duration) time.Duration { return chance.Memory(n, retryAfter) }

// Memory is [Memory] by this chance.
func (c Chance) Memory(n int, retryAfter time.Duration) time.Duration {
	d := Doubling(n, memoryFirst, memoryLimit)
	return max(d/2+c.upTo(d/2), min(retryAfter, maxRemembered))
}

// Cold returns the wait after the n-th try of a read that a caller waits for,
// n from 1: full jitter from 100 ms doubling to 2 s, and at least what the
// server asked for.
func Cold(n int, retryAfter time.Duration) time.Duration { return chance.Cold(n, retryAfter) }

// Cold is [Cold] by this chance.
func (c Chance) Cold(n int, retryAfter time.Duration) time.Duration {
	return max(c.upTo(Doubling(n, coldFirst, coldLimit)), retryAfter)
}

// Refresh returns the wait after the n-th refresh in a row that failed, n from
// 1: full jitter from 1 s doubling to 30 s, and at least what the server asked
// for, up to an hour.
func Refresh(n int, retryAfter time.Duration) time.Duration { return chance.Refresh(n, retryAfter) }

// Refresh is [Refresh] by this chance.
func (c Chance) Refresh(n int, retryAfter time.Duration) time.Duration {
	return max(c.upTo(Doubling(n, refreshFirst, refreshLimit)), min(retryAfter, maxObeyed))
}

// Spread returns the part of a TTL, from 0.8 to 1.0, after which documents that were
// read together are read again.
func Spread() float64 { return chance.Spread() }

// Spread is [Spread] by this chance.
func (c Chance) Spread() float64 {
	const steps = 1 << 40
	return spreadFrom + spreadWidth*float64(c(steps))/steps
}

// FullJitter returns a random wait from 0 to d.
func FullJitter(d time.Duration) time.Duration { return chance.upTo(d) }

// upTo draws from 0 to d.
func (c Chance) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(c(Add(int64(d), 1)))
}

// Doubling returns first doubled n-1 times, at most limit, n from 1.
func Doubling(n int, first, limit time.Duration) time.Duration {
	for ; n > 1 && first < limit; n-- {
		if first > limit/2 {
			return limit
		}
		first *= 2
	}
	return min(first, limit)
}

// Arithmetic on times in nanoseconds saturates: a result beyond the largest int64 is
// the largest, and one below the smallest is the smallest.

// Add returns a + b.
func Add[T ~int64](a, b T) T {
	switch c := a + b; {
	case a > 0 && b > 0 && c < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && c >= 0:
		return math.MinInt64
	default:
		return c
	}
}

// Sub returns a - b.
func Sub[T ~int64](a, b T) T {
	if b == math.MinInt64 { // which has no negative
		return Add(Add(a, math.MaxInt64), 1)
	}
	return Add(a, -b)
}

// Part returns d times a factor that is not negative.
func Part[T ~int64](d T, factor float64) T {
	switch product := float64(d) * factor; {
	case product >= math.MaxInt64:
		return math.MaxInt64
	case product <= math.MinInt64:
		return math.MinInt64
	default:
		return T(product)
	}
}

// Nanoseconds returns a time as nanoseconds since 1970.
func Nanoseconds(t time.Time) int64 {
	seconds := t.Unix()
	if most := int64(math.MaxInt64 / time.Second); seconds >= most || seconds <= -most {
		return math.MaxInt64 * sign(seconds)
	}
	return t.UnixNano()
}

func sign(n int64) int64 {
	if n < 0 {
		return -1
	}
	return 1
}
