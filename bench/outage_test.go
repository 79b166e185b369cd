package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// What the rows of an outage have in common: ten secrets, four goroutines that
// each read one of them in every millisecond, and a TTL that has passed long
// before the outage ends.
const (
	outageTTL      = 250 * time.Millisecond
	outageReaders  = 4
	outageInterval = time.Millisecond
)

// An outage is what was seen of one.
type outage struct {
	load.Paced
	floor           []time.Duration // of a lookup in a map, at the same pace and time
	before, after   uint64          // live bytes
	goroutines      int             // before it
	samples         []load.Sample
	recovered       time.Duration // after the backend's return
	neverRecovered  bool
	callsDuring     int
	errorsBefore    int
	generationAfter int
}

// suffer takes a peer through an outage of d.
func suffer(tb testing.TB, which string, mode fake.Mode, d, recovery time.Duration) outage {
	tb.Helper()
	restore(tb)
	names := load.Names("outage", 10)
	r := open(tb, which, peer.Options{TTL: outageTTL, Names: names})
	require.NoError(tb, peer.ReadAll(ctx, r, names))
	read := func(ctx context.Context, i int) error {
		_, err := r.Get(ctx, names[i%len(names)])
		return err
	}
	warm := load.Pace(ctx, 3*outageTTL, outageInterval, outageReaders, read)
	o := outage{errorsBefore: warm.Errors, before: load.Heap()}
	require.NoError(tb, backend.Mode(mode))
	require.NoError(tb, backend.Reset())
	time.Sleep(2 * outageTTL) // what was under way has failed, and the TTL has passed
	watch := load.Watch(d / 80)
	var beside sync.WaitGroup
	beside.Go(func() { o.floor = load.Pace(ctx, d, outageInterval, outageReaders, floorRead(names)).Times })
	o.Paced = load.Pace(ctx, d, outageInterval, outageReaders, read)
	beside.Wait()
	o.samples = slices.DeleteFunc(watch(), func(s load.Sample) bool { return s.At > d*9/10 }) // before the readers end
	o.callsDuring = calls(tb)
	o.after = load.Heap() - uint64(8*(cap(o.Times)+cap(o.floor))) // without the times themselves
	o.goroutines = o.samples[0].Goroutines

	// Everything was rotated meanwhile, so that the old value can be told.
	o.generationAfter = must(backend.Rotate())(tb)
	require.NoError(tb, backend.Mode(fake.OK))
	o.recovered, o.neverRecovered = seen(r, names[0], o.generationAfter, recovery)
	return o
}

// floorRead returns what reads the names from a map behind an atomic pointer:
// what of the slowest reads is the machine's.
func floorRead(names []string) func(context.Context, int) error {
	values := make(map[string]string, len(names))
	for _, name := range names {
		values[name] = fake.Value(name, 0)
	}
	var floor atomic.Pointer[map[string]string]
	floor.Store(&values)
	return func(_ context.Context, i int) error {
		if (*floor.Load())[names[i%len(names)]] == "" {
			return errors.New("missing")
		}
		return nil
	}
}

// seen returns how long it takes until a reader has a generation; never: not
// within limit.
func seen(r peer.Reader, name string, generation int, limit time.Duration) (after time.Duration, never bool) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	found := make(chan time.Duration, 1)
	go func() { // for a Get that does not look at its context
		for ctx.Err() == nil {
			value, err := r.Get(ctx, name)
			if err == nil {
				if g, err := fake.Generation(value); err == nil && g >= generation {
					found <- time.Since(start)
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	select {
	case after := <-found:
		return after, false
	case <-ctx.Done():
		return limit, true
	}
}

// outagePeers read ten secrets of Secrets Manager through an outage.
var (
	outagePeers = []string{peer.Ours, peer.OnDemand, peer.Raw, peer.AWSCache, peer.RuntimeVar, peer.Setec}
	outageKinds = []fake.Mode{fake.Hang, fake.Refuse, fake.Throttle}
)

// BenchmarkOutage is a Get of a held secret, past its TTL, while the backend
// is out.
func BenchmarkOutage(b *testing.B) {
	for _, mode := range outageKinds {
		for _, which := range outagePeers {
			b.Run(fmt.Sprintf("kind=%s/peer=%s", mode, which), func(b *testing.B) {
				o := suffer(b, which, mode, *outageFor, *recovery)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(load.Quantile(o.Times, 0.5)), "p50-ns")
				b.ReportMetric(float64(load.Quantile(o.Times, 0.999)), "p99.9-ns")
				b.ReportMetric(float64(load.Quantile(o.Times, 1)), "max-ns")
				b.ReportMetric(float64(load.Quantile(o.floor, 0.999)), "floor-p99.9-ns")
				b.ReportMetric(100*float64(o.Errors)/float64(max(1, len(o.Times))), "failed-%")
				b.ReportMetric(float64(mostGoroutines(o.samples)-o.goroutines), "more-goroutines")
				b.ReportMetric(growth(o.samples), "goroutine-growth")
				b.ReportMetric(float64(int64(o.after)-int64(o.before)), "more-heap-B")
				b.ReportMetric(float64(o.callsDuring), "calls")
				if o.neverRecovered {
					b.ReportMetric(1, "never-recovered")
				}
				b.ReportMetric(float64(o.recovered), "recovery-ns")
				trace(b, b.Name(), o)
			})
		}
	}
}

// mostGoroutines returns the most of all samples.
func mostGoroutines(samples []load.Sample) int {
	return slices.MaxFunc(samples, func(a, b load.Sample) int { return a.Goroutines - b.Goroutines }).Goroutines
}

// growth is the mean number of goroutines in the last third of an outage less
// that in its middle third: over zero where they pile up.
func growth(samples []load.Sample) float64 {
	n := len(samples) / 3
	mean := func(of []load.Sample) (m float64) {
		for _, s := range of {
			m += float64(s.Goroutines) / float64(len(of))
		}
		return m
	}
	if n == 0 {
		return 0
	}
	return mean(samples[2*n:]) - mean(samples[n:2*n])
}

// trace keeps the samples of an outage for the plots.
func trace(tb testing.TB, name string, o outage) {
	if *traceFile == "" {
		return
	}
	f := must(os.OpenFile(*traceFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644))(tb)
	defer f.Close()
	_, name, _ = strings.Cut(name, "/")
	require.NoError(tb, json.NewEncoder(f).Encode(map[string]any{"row": name, "samples": o.samples, "quantiles": quantiles(o.Times)}))
}

// quantiles are those that the plot of an outage shows.
func quantiles(times []time.Duration) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		all[fmt.Sprint(q)] = load.Quantile(times, q)
	}
	return all
}

// BenchmarkRecovery is when twenty resolvers, as in twenty processes, see the
// new value after an outage that all have met: soon, and not all at once.
func BenchmarkRecovery(b *testing.B) {
	for _, mode := range outageKinds {
		b.Run(fmt.Sprintf("kind=%s/peer=ours", mode), func(b *testing.B) {
			all := recoveries(b, mode, 20, *outageFor, *recovery)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(load.Quantile(all, 0)), "first-ns")
			b.ReportMetric(float64(load.Median(all)), "median-ns")
			b.ReportMetric(float64(load.Quantile(all, 1)), "last-ns")
		})
	}
}

// recoveries returns when each of n resolvers has the value that was written
// during an outage.
func recoveries(tb testing.TB, mode fake.Mode, n int, d, limit time.Duration) []time.Duration {
	tb.Helper()
	restore(tb)
	readers := make([]peer.Reader, n)
	for i := range readers {
		readers[i] = open(tb, peer.Ours, peer.Options{TTL: outageTTL})
		must(readers[i].Get(ctx, "outage-0000"))(tb)
	}
	require.NoError(tb, backend.Mode(mode))
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, r := range readers {
			must(r.Get(ctx, "outage-0000"))(tb)
		}
	}
	generation := must(backend.Rotate())(tb)
	require.NoError(tb, backend.Mode(fake.OK))
	all := make([]time.Duration, n)
	var wait sync.WaitGroup
	for i, r := range readers {
		wait.Go(func() { all[i], _ = seen(r, "outage-0000", generation, limit) })
	}
	wait.Wait()
	return all
}

func TestAnOutageNeitherFailsNorDelaysAHeldSecret(t *testing.T) {
	for _, mode := range outageKinds {
		t.Run(string(mode), func(t *testing.T) {
			o := suffer(t, peer.Ours, mode, 500*time.Millisecond, 30*time.Second)
			assert.Zero(t, o.errorsBefore)
			assert.Zero(t, o.Errors)
			assert.Less(t, load.Quantile(o.Times, 0.99), 5*time.Millisecond, "no read waits for the backend")
			assert.False(t, o.neverRecovered)
			assert.LessOrEqual(t, mostGoroutines(o.samples)-o.goroutines, 20)
		})
	}
}

func TestEveryPeerGoesThroughAnOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds for each")
	}
	for _, which := range []string{peer.AWSCache, peer.RuntimeVar, peer.Setec, peer.Raw} {
		t.Run(which, func(t *testing.T) {
			o := suffer(t, which, fake.Throttle, 200*time.Millisecond, 30*time.Second)
			assert.Zero(t, o.errorsBefore)
			assert.False(t, o.neverRecovered, "it recovers from a throttled backend")
		})
	}
}
