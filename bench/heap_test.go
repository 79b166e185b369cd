package bench_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// heap returns the bytes and the goroutines that each of n held secrets costs,
// its name included.
func heap(tb testing.TB, which string, n int) (bytes, goroutines float64) {
	tb.Helper()
	restore(tb)
	var hold func(names []string)
	var keep any
	if which == "map" {
		m := make(map[string]string)
		keep = m
		hold = func(names []string) {
			for _, name := range names {
				m[name] = fake.Value(name, 0)
			}
		}
	} else {
		r := open(tb, which, peer.Options{Max: n + 1, Names: load.Names("first", 1)})
		must(r.Get(ctx, "first-0000"))(tb)
		keep = r
		hold = func(names []string) {
			require.NoError(tb, atOnce(8, names, func(name string) error {
				_, err := r.Get(ctx, name)
				return err
			}))
			for range 4 { // a few more times, as a program that serves
				require.NoError(tb, peer.ReadAll(ctx, r, names))
			}
		}
	}
	quiet(tb)
	before, started := load.Heap(), runtime.NumGoroutine()
	hold(load.Names("heap", n))
	quiet(tb)
	bytes = (float64(load.Heap()) - float64(before)) / float64(n)
	goroutines = float64(runtime.NumGoroutine()-started) / float64(n)
	runtime.KeepAlive(keep)
	return bytes, goroutines
}

// quiet closes the connections, whose buffers must not count, and lets
// goroutines end that linger for two seconds in case there is more to read.
func quiet(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, backend.Drop())
	time.Sleep(2200 * time.Millisecond)
}

// atOnce does it with every name, g at a time, and returns the first error.
func atOnce(g int, names []string, do func(string) error) error {
	var all sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, g)
	for i := range g {
		all.Go(func() {
			for errs[i] == nil {
				at := int(next.Add(1)) - 1
				if at >= len(names) {
					return
				}
				errs[i] = do(names[at])
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

var heapPeers = []string{"map", peer.Ours, peer.AWSCache, peer.RuntimeVar, peer.Setec}

// BenchmarkHeap is what a held secret of 64 bytes costs.
func BenchmarkHeap(b *testing.B) {
	for _, which := range heapPeers {
		b.Run("peer="+which, func(b *testing.B) {
			bytes, goroutines := heap(b, which, *heldCount)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(bytes, "B/secret")
			b.ReportMetric(goroutines, "goroutines/secret")
		})
	}
}

// A refreshed is what it took to read documents again that are in use.
type refreshed struct {
	perCall    float64 // documents of a call
	goroutines int     // the most of ours at once, over those that always run
	inFlight   int     // the most calls at once
	took       time.Duration
}

// refresh has n documents of Secrets Manager refreshed once.
func refresh(tb testing.TB, n int, ttl time.Duration) refreshed {
	tb.Helper()
	slow(tb, 5*time.Millisecond)
	names := load.Names("document", n)
	r := resolver(tb, names, secrets.WithTTL(ttl))
	time.Sleep(100 * time.Millisecond)
	require.NoError(tb, backend.Reset())
	base := ourGoroutines()
	most := 0
	var first time.Time
	var f refreshed
	deadline := time.Now().Add(2 * ttl)
	for {
		for range 20 {
			most = max(most, ourGoroutines()-base)
			time.Sleep(time.Millisecond)
		}
		for _, name := range names { // they stay in use
			must(r.Get(ctx, name))(tb)
		}
		s := must(backend.Stats())(tb)
		documents := 0
		for name, count := range s.Names {
			if strings.HasPrefix(name, "document-") {
				documents += count
			}
		}
		if documents > 0 && first.IsZero() {
			first = time.Now()
		}
		if documents >= n || time.Now().After(deadline) {
			require.GreaterOrEqual(tb, documents, n, "every document is read again")
			f.perCall = float64(documents) / float64(s.Total())
			f.inFlight = s.Peak
			f.took = time.Since(first)
			break
		}
	}
	f.goroutines = most
	return f
}

// ourGoroutines counts the goroutines that are in a function of ours, other
// than those of this module.
func ourGoroutines() int {
	records := make([]runtime.StackRecord, 4096)
	n, ok := runtime.GoroutineProfile(records)
	if !ok {
		return len(records)
	}
	count := 0
	for _, record := range records[:n] {
		frames := runtime.CallersFrames(record.Stack())
		for {
			frame, more := frames.Next()
			if strings.HasPrefix(frame.Function, "github.com/go-secrets/secrets/bench") {
				break // of a measurement, whatever it calls
			}
			if ours := strings.HasPrefix(frame.Function, "github.com/go-secrets/secrets"); ours {
				count++
				break
			}
			if !more {
				break
			}
		}
	}
	return count
}

// BenchmarkRefresh is a refresh of many documents in use.
func BenchmarkRefresh(b *testing.B) {
	b.Run("peer=ours", func(b *testing.B) {
		f := refresh(b, *documents, max(3*time.Second, time.Duration(*documents)*time.Millisecond))
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(f.perCall, "documents/call")
		b.ReportMetric(float64(f.goroutines), "goroutines")
		b.ReportMetric(float64(f.inFlight), "calls-at-once")
		b.ReportMetric(float64(f.took), "took-ns")
	})
}

func TestWhatIsHeldTakesLittleMemory(t *testing.T) {
	bytes, goroutines := heap(t, peer.Ours, 2000)
	assert.Less(t, bytes, 1000.0)
	assert.Less(t, goroutines, 0.01)
	for _, which := range []string{"map", peer.AWSCache, peer.RuntimeVar, peer.Setec} {
		bytes, _ := heap(t, which, 100)
		assert.Greater(t, bytes, float64(fake.Size), which)
	}
}

func TestDocumentsAreRefreshedInBatchesByFewGoroutines(t *testing.T) {
	f := refresh(t, 400, 2*time.Second)
	assert.GreaterOrEqual(t, f.perCall, 19.0)
	assert.LessOrEqual(t, f.inFlight, 40)
}
