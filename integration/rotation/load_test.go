package rotation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// workers is how many ask the database at once.
const workers = 50

// A load is workers that do the same thing over and over.
type load struct {
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu          sync.Mutex
	done        int
	failed      int
	first       error // the first failure
	lastFailed  time.Time
	lastSuccess []time.Time // of each worker
	slowest     time.Duration
}

// start has n workers do op, with a pause of about that length in between,
// until stop or the test ends.
func start(t testing.TB, n int, pause time.Duration, op func(context.Context) error) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel, lastSuccess: make([]time.Time, n)}
	for worker := range n {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				// Stopping the load cuts nothing off.
				each, end := context.WithTimeout(context.Background(), 30*time.Second)
				begun := time.Now()
				err := op(each)
				end()
				l.note(worker, begun, err)
				wait := pause/2 + time.Duration(rand.Int64N(int64(pause)+1))
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) note(worker int, begun time.Time, err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
	l.slowest = max(l.slowest, now.Sub(begun))
	if err == nil {
		l.lastSuccess[worker] = now
		return
	}
	l.failed++
	l.lastFailed = now
	if l.first == nil {
		l.first = err
	}
}

// end stops the workers and waits for them.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

func (l *load) figures() (done, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done, l.failed
}

func (l *load) firstFailure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// quietSince reports whether every worker has succeeded after that moment, and
// nothing has failed since.
func (l *load) quietSince(moment time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.lastSuccess {
		if !at.After(moment) || at.Before(l.lastFailed) {
			return false
		}
	}
	return true
}

func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d queries by %d workers, %d failed, the longest took %v", l.done, len(l.lastSuccess), l.failed, l.slowest.Round(time.Millisecond))
}
