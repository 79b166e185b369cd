package load

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Paced is the outcome of reads at a steady pace.
type Paced struct {
	Times  []time.Duration // of every read that was due, those included that never got their turn
	Errors int             // reads that failed
}

// Pace has g goroutines read, each once in every interval, for a time. A read
// that takes longer than the interval stands for those that were due
// meanwhile, too, as users would have met it (what is left out otherwise is
// known as coordinated omission). A read that has not returned at the end
// counts with the time until then, and is left behind.
func Pace(ctx context.Context, d, interval time.Duration, g int, read func(ctx context.Context, i int) error) Paced {
	var (
		mu    sync.Mutex
		all   Paced
		wait  sync.WaitGroup
		begin = time.Now()
		ended atomic.Bool
	)
	for i := range g {
		wait.Add(1)
		go func() {
			var times []time.Duration
			errs := 0
			var done sync.Once
			var inFlight atomic.Int64 // when the read began, in ns since begin, and 1; 0: none
			finish := func() {
				done.Do(func() {
					mu.Lock()
					all.Times, all.Errors = append(all.Times, times...), all.Errors+errs
					mu.Unlock()
					wait.Done()
				})
			}
			stop := time.AfterFunc(d, func() {
				ended.Store(true)
				// Time to return for a read that is about to.
				time.AfterFunc(20*time.Millisecond, func() {
					if at := inFlight.Load(); at != 0 {
						mu.Lock()
						all.Times = append(all.Times, due(time.Since(begin)-time.Duration(at-1), interval)...)
						mu.Unlock()
						done.Do(wait.Done)
					}
				})
			})
			defer stop.Stop()
			for n := i; !ended.Load(); n += g {
				start := time.Now()
				inFlight.Store(int64(start.Sub(begin)) + 1)
				t0 := time.Now()
				err := read(ctx, n)
				took := time.Since(t0)
				inFlight.Store(0)
				if err != nil {
					errs++
				}
				times = append(times, due(took, interval)...)
				if took < interval {
					time.Sleep(interval - took)
				}
			}
			finish()
		}()
	}
	wait.Wait()
	return all
}

// due returns the times of a read and of those that were due while it went on.
func due(took, interval time.Duration) []time.Duration {
	times := []time.Duration{took}
	for rest := took - interval; rest > interval; rest -= interval {
		times = append(times, rest)
	}
	return times
}

// A Sample is what a process has at a moment.
type Sample struct {
	At         time.Duration
	Goroutines int
	Heap       uint64 // live bytes, after a collection; 0: not looked at
}

// Watch samples the goroutines of this process every d until stop is called,
// which returns the samples.
func Watch(d time.Duration) (stop func() []Sample) {
	quit, done := make(chan struct{}), make(chan []Sample)
	go func() {
		var samples []Sample
		begin := time.Now()
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				samples = append(samples, Sample{At: time.Since(begin), Goroutines: runtime.NumGoroutine()})
			case <-quit:
				done <- samples
				return
			}
		}
	}()
	return func() []Sample {
		close(quit)
		return <-done
	}
}

// Heap returns the bytes of live objects, after collections.
func Heap() uint64 {
	var m runtime.MemStats
	for range 3 { // what finalizers hold goes with the next one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
