// Package policy has the waits of the library, as pure functions: how long
// until something that failed is tried again. It links nothing but math, so
// that backends, consumers and the fleet simulator share the same rules.
package policy

import (
	"math/rand/v2"
	"time"
)

// Steps of the memory of a failed read, and of a failed login (DESIGN.md 5).
const (
	memoryFirst = 250 * time.Millisecond
	memoryLimit = 5 * time.Second
)

// Memory returns for how long the n-th failure in a row is remembered, n from
// 1: 0.25 s doubling to 5 s, a quarter more or less, and at least what the
// server asked for.
func Memory(n int, retryAfter time.Duration) time.Duration {
	d := Doubling(n, memoryFirst, memoryLimit)
	return max(d*3/4+rand.N(d/2+1), retryAfter) // #nosec G404 -- jitter is no secret
}

// Doubling returns first doubled n-1 times, at most limit, n from 1.
func Doubling(n int, first, limit time.Duration) time.Duration {
	for ; n > 1 && first < limit; n-- {
		first *= 2
	}
	return min(first, limit)
}

// FullJitter returns a random wait from 0 to d.
func FullJitter(d time.Duration) time.Duration {
	return rand.N(max(d, 0) + 1) // #nosec G404 -- jitter is no secret
}
