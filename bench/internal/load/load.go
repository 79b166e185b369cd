// Package load has what the rows share: names, loops, times and counts.
package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Names returns n names, all of one segment, so that no peer searches.
func Names(kind string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%04d", kind, i)
	}
	return names
}

// Slots is how many names Order returns: a power of two, so that a loop can go
// round with Mask.
const (
	Slots = 1 << 14
	Mask  = Slots - 1
)

// Order returns names in random order, the same at each call. They are copies,
// so that no lookup finds them equal by their address.
func Order(names []string) []string {
	random := rand.New(rand.NewPCG(1, 2))
	order := make([]string, Slots)
	for i := range order {
		order[i] = strings.Clone(names[random.IntN(len(names))])
	}
	return order
}

// Spread has g goroutines share b.N operations. loop does the n operations of
// one goroutine, the first of them at start, in a plain loop.
func Spread(b *testing.B, g int, loop func(start, n int)) {
	b.ReportAllocs()
	if g == 1 {
		b.ResetTimer()
		loop(0, b.N)
		return
	}
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range g {
		n := b.N / g
		if i < b.N%g {
			n++
		}
		all.Go(func() {
			<-begin
			loop(i*Slots/g, n)
		})
	}
	b.ResetTimer()
	close(begin)
	all.Wait()
	b.StopTimer()
}

// slice is how long one goroutine's part of a Scaling takes.
const slice = 5 * time.Millisecond

// Scaling returns how many times as much as one goroutine g get done together
// in the same time, of a loop as Spread's: the median of pairs of slices of
// some milliseconds, one after the other, so that what else the machine does
// in a phase weighs on both alike.
func Scaling(pairs, g int, loop func(start, n int)) float64 {
	n := 1
	for alone := time.Duration(0); alone < slice; n *= 2 {
		alone = spread(1, 2*n, loop)
	}
	ratios := make([]float64, pairs)
	for i := range ratios {
		var alone, together time.Duration
		if i%2 == 0 {
			alone, together = spread(1, n, loop), spread(g, n, loop)
		} else {
			together, alone = spread(g, n, loop), spread(1, n, loop)
		}
		ratios[i] = float64(g) * float64(alone) / float64(together)
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// spread has each of g goroutines do n operations, and returns how long that
// took until the last was done.
func spread(g, n int, loop func(start, n int)) time.Duration {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range g {
		all.Go(func() {
			<-begin
			loop(i*Slots/g, n)
		})
	}
	start := time.Now()
	close(begin)
	all.Wait()
	return time.Since(start)
}

// Quantile returns the time that a share q of all doesn't exceed. It sorts all.
func Quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

// Median returns the middle of all, which it sorts.
func Median(all []time.Duration) time.Duration { return Quantile(all, 0.5) }

// Until waits for ok, looking every d, and returns how long that took; false:
// it did not come within limit.
func Until(limit, d time.Duration, ok func() bool) (time.Duration, bool) {
	for start := time.Now(); ; time.Sleep(d) {
		if ok() {
			return time.Since(start), true
		}
		if time.Since(start) > limit {
			return limit, false
		}
	}
}
