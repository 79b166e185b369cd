// Package vals has the rows of github.com/helmfile/vals. It is a module of its
// own since vals links about 250 modules, in versions that the other peers do
// not want.
package vals

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/helmfile/vals"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
)

var backend *fake.Backend

func TestMain(m *testing.M) {
	fake.Main()
	var err error
	if backend, err = fake.Start(); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-key", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "eu-west-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": backend.AWS,
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if err := backend.Close(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// open returns a runtime, and the references of n names.
func open(tb testing.TB, kind string, n int) (*vals.Runtime, []string) {
	tb.Helper()
	r, err := vals.New(vals.Options{CacheSize: max(256, 2*n), LogOutput: io.Discard})
	require.NoError(tb, err)
	return r, references(kind, n)
}

// references returns those of n names.
func references(kind string, n int) []string {
	refs := load.Names(kind, n)
	for i, name := range refs {
		refs[i] = "ref+awssecrets://" + name
	}
	return refs
}

// BenchmarkHeld is a read of a held secret by its reference.
func BenchmarkHeld(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("peer=vals/names=%d", n), func(b *testing.B) {
			r, refs := open(b, "held", n)
			for _, ref := range refs {
				_, err := r.Get(ref)
				require.NoError(b, err)
			}
			order := load.Order(refs)
			for _, g := range []int{1, 2, 8} {
				b.Run(fmt.Sprintf("goroutines=%d", g), func(b *testing.B) {
					load.Spread(b, g, func(start, n int) {
						for i := start; i < start+n; i++ {
							if s, err := r.Get(order[i&load.Mask]); err != nil || s == "" {
								panic(err)
							}
						}
					})
				})
			}
		})
	}
}

// BenchmarkCold is a read of a secret that is not held.
func BenchmarkCold(b *testing.B) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
		b.Run(fmt.Sprintf("peer=vals/latency=%v", latency), func(b *testing.B) {
			const n = 100
			r, refs := open(b, "cold", n+1)
			_, err := r.Get(refs[0])
			require.NoError(b, err)
			require.NoError(b, backend.Latency(latency))
			require.NoError(b, backend.Reset())
			var all []time.Duration
			for _, ref := range refs[1:] {
				start := time.Now()
				_, err := r.Get(ref)
				all = append(all, time.Since(start))
				require.NoError(b, err)
			}
			s, err := backend.Stats()
			require.NoError(b, err)
			require.NoError(b, backend.Latency(0))
			b.ReportMetric(float64(load.Median(all)), "ns/op")
			b.ReportMetric(float64(s.Total())/n, "calls/op")
		})
	}
}

// BenchmarkHerd is 1,000 goroutines that want one secret. vals keeps it for
// good, so that no second herd meets its expiry.
func BenchmarkHerd(b *testing.B) {
	b.Run("peer=vals", func(b *testing.B) {
		r, refs := open(b, "herd", 1)
		_, err := r.Get("ref+awssecrets://warm")
		require.NoError(b, err)
		require.NoError(b, backend.Latency(20*time.Millisecond))
		require.NoError(b, backend.Reset())
		var ready, all sync.WaitGroup
		begin := make(chan struct{})
		ready.Add(1000)
		for range 1000 {
			all.Go(func() {
				ready.Done()
				<-begin
				_, _ = r.Get(refs[0])
			})
		}
		ready.Wait()
		close(begin)
		all.Wait()
		s, err := backend.Stats()
		require.NoError(b, err)
		require.NoError(b, backend.Latency(0))
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(s.Names["herd-0000"]), "cold-calls")
	})
}

// BenchmarkHeap is what a held secret of 64 bytes costs.
func BenchmarkHeap(b *testing.B) {
	b.Run("peer=vals", func(b *testing.B) {
		const n = 2000
		r, _ := open(b, "heap", n)
		_, err := r.Get("ref+awssecrets://first")
		require.NoError(b, err)
		require.NoError(b, backend.Drop())
		time.Sleep(50 * time.Millisecond)
		before := load.Heap()
		refs := references("heap", n) // they count, as names do
		for _, ref := range refs {
			_, err := r.Get(ref)
			require.NoError(b, err)
		}
		require.NoError(b, backend.Drop())
		time.Sleep(50 * time.Millisecond)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric((float64(load.Heap())-float64(before))/n, "B/secret")
		_, err = r.Get("ref+awssecrets://first")
		require.NoError(b, err)
	})
}

func TestValsReadsTheBackend(t *testing.T) {
	r, refs := open(t, "held", 1)
	value, err := r.Get(refs[0])
	require.NoError(t, err)
	require.Equal(t, fake.Value("held-0000", 0), value)
}
