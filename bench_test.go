package secrets_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// benchNames returns n names as an app would have them, and documents for
// them.
func benchNames(n int) ([]string, map[string]string) {
	names, docs := make([]string, n), make(map[string]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("service/%04d/password", i)
		docs[names[i]] = fmt.Sprintf("%064d", i)
	}
	return names, docs
}

// BenchmarkHeldGet is a Get of a held name, beside the least that a lookup by
// name can cost: a map behind an atomic pointer.
func BenchmarkHeldGet(b *testing.B) {
	for _, n := range []int{1, 1000} {
		names, docs := benchNames(n)
		order := make([]string, 1<<14)
		for i := range order {
			order[i] = names[(i*7919)%n]
		}
		r := secrets.New(secretstest.NewProvider(docs), secrets.WithLogger(nil))
		b.Cleanup(func() { _ = r.Close() })
		require.NoError(b, r.Preload(context.Background(), names...))
		for range 3 * n {
			for _, name := range names[:min(n, 2)] {
				_, _ = r.Get(context.Background(), name)
			}
		}
		var floor atomic.Pointer[map[string]*string]
		m := make(map[string]*string, n)
		for name, doc := range docs {
			m[name] = &doc
		}
		floor.Store(&m)

		b.Run(fmt.Sprintf("op=floor/names=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if (*floor.Load())[order[i&(1<<14-1)]] == nil {
					b.Fatal("missing")
				}
				i++
			}
		})
		b.Run(fmt.Sprintf("op=Get/names=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			i := 0
			for b.Loop() {
				if _, err := r.Get(ctx, order[i&(1<<14-1)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
		b.Run(fmt.Sprintf("op=parallel-floor/names=%d", n), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if (*floor.Load())[order[i&(1<<14-1)]] == nil {
						b.Error("missing")
					}
				}
			})
		})
		b.Run(fmt.Sprintf("op=parallel-Get/names=%d", n), func(b *testing.B) {
			ctx := context.Background()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := r.Get(ctx, order[i&(1<<14-1)]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkOnDemandGet is a Get of a held name where nothing reads ahead, beside
// the least that this can cost: the lookup and a look at the clock. It must not
// be slower with two goroutines than with one.
func BenchmarkOnDemandGet(b *testing.B) {
	r := secrets.New(secretstest.NewProvider(map[string]string{"db": "one"}), secrets.WithOnDemand(), secrets.WithTTL(time.Hour), secrets.WithLogger(nil))
	defer r.Close()
	ctx := context.Background()
	require.NoError(b, r.Preload(ctx, "db"))
	for range 3 { // until the name is in the map that is read without the lock
		_, _ = r.Get(ctx, "db")
	}
	one := "one"
	var floor atomic.Pointer[map[string]*string]
	floor.Store(&map[string]*string{"db": &one})
	start := time.Now()
	least := func() bool { return (*floor.Load())["db"] != nil && time.Since(start) < time.Hour }
	get := func() bool { _, err := r.Get(ctx, "db"); return err == nil }
	for _, op := range []struct {
		name string
		do   func() bool
	}{{"floor", least}, {"Get", get}} {
		b.Run("op="+op.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !op.do() {
					b.Fatal("missing")
				}
			}
		})
		b.Run("op=parallel-"+op.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !op.do() {
						b.Error("missing")
					}
				}
			})
		})
	}
}

func BenchmarkLiveGet(b *testing.B) {
	r := secrets.New(secretstest.NewProvider(map[string]string{"db": "one"}), secrets.WithLogger(nil))
	defer r.Close()
	l, err := secrets.Bind[string](context.Background(), r, "db", nil)
	require.NoError(b, err)
	one := "one"
	var floor atomic.Pointer[string]
	floor.Store(&one)
	b.Run("op=floor", func(b *testing.B) {
		for b.Loop() {
			if *floor.Load() == "" {
				b.Fatal("empty")
			}
		}
	})
	b.Run("op=Live", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if l.Get() == "" {
				b.Fatal("empty")
			}
		}
	})
}

// BenchmarkHeldGetWhileRefreshesHang reports the slowest of a held name while
// every refresh hangs.
func BenchmarkHeldGetWhileRefreshesHang(b *testing.B) {
	p := secretstest.NewProvider(map[string]string{"db": "one"})
	p.Disable(secretstest.Watch)
	r := secrets.New(p, secrets.WithTTL(20*time.Millisecond), secrets.WithTimeout(5*time.Second), secrets.WithIdle(time.Hour), secrets.WithLogger(nil))
	defer r.Close()
	ctx := context.Background()
	_, err := r.Get(ctx, "db")
	require.NoError(b, err)
	release := p.Block(secretstest.All)
	defer release()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := r.Get(ctx, "db"); err != nil {
			b.Fatal(err)
		}
		if len(took) < 1<<22 {
			took = append(took, time.Since(start))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*999/1000]), "p99.9-ns")
	b.ReportMetric(float64(p.Calls().InFlight), "hanging")
}

// TestHeapPerSecret keeps what a held secret costs in bounds.
func TestHeapPerSecret(t *testing.T) {
	const n = 10_000
	const bound = 600 // of them 32 keep the bytes out of the sight of printers
	names, docs := benchNames(n)
	p := provider64{docs: docs}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := secrets.New(p, secrets.WithLogger(nil))
	defer r.Close()
	for _, name := range names {
		_, err := r.Get(t.Context(), name)
		require.NoError(t, err)
	}
	for range 2 {
		for _, name := range names { // so that they are where Get looks first
			_, _ = r.Get(t.Context(), name)
		}
		runtime.GC()
	}
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / n
	t.Logf("%d bytes of heap for each held secret of 64 bytes", each)
	assert.LessOrEqual(t, each, uint64(bound))
	runtime.KeepAlive(p)
}

// provider64 serves documents with a version as Secrets Manager has them.
type provider64 struct{ docs map[string]string }

func (p provider64) Fetch(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
	doc, ok := p.docs[ref.Path]
	if !ok {
		return secrets.Value{}, secrets.ErrNotFound
	}
	return secrets.Value{Data: []byte(doc), Version: fmt.Sprintf("01234567-89ab-cdef-0123-%012s", ref.Path[8:12]), Created: time.Unix(1, 0)}, nil
}

// BenchmarkColdGet is what the resolver adds to a read of the backend: a
// provider that answers at once, called directly and through Get.
func BenchmarkColdGet(b *testing.B) {
	p := provider64{docs: map[string]string{"service/0000/password": "x"}}
	ctx := context.Background()
	b.Run("op=Fetch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Fetch(ctx, secrets.Ref{Path: "service/0000/password"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=Get", func(b *testing.B) {
		r := secrets.New(p, secrets.WithTTL(0), secrets.WithLogger(nil))
		defer r.Close()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Get(ctx, "service/0000/password"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
