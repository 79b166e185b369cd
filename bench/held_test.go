package bench_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
	"github.com/stretchr/testify/require"
	"github.com/tailscale/setec/client/setec"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/awssecretsmanager"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// resolver returns a resolver that holds the names, in the state of one that
// has served for a while.
func resolver(tb testing.TB, names []string, opts ...secrets.Option) *secrets.Resolver {
	tb.Helper()
	opts = append([]secrets.Option{secrets.WithTTL(time.Hour), secrets.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	r, err := secrets.Open(ctx, "awssm://?region=eu-west-1&endpoint="+backend.AWS, opts...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = r.Close() })
	require.NoError(tb, r.Preload(ctx, names...))
	for range 4 {
		for _, name := range names {
			_, err := r.Get(ctx, name)
			require.NoError(tb, err)
		}
	}
	return r
}

// variables returns runtimevar's variables of the names, each with a value.
func variables(tb testing.TB, names []string) map[string]*runtimevar.Variable {
	tb.Helper()
	client := must(peer.SecretsManager(backend))(tb)
	vars := make(map[string]*runtimevar.Variable, len(names))
	for _, name := range names {
		v, err := awssecretsmanager.OpenVariable(client, name, runtimevar.StringDecoder, &awssecretsmanager.Options{WaitDuration: time.Hour})
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = v.Close() })
		vars[name] = v
	}
	for _, v := range vars {
		_, err := v.Latest(ctx)
		require.NoError(tb, err)
	}
	return vars
}

func setecStore(tb testing.TB, names []string) *setec.Store {
	tb.Helper()
	client := must(peer.SetecClient(backend))(tb)
	st, err := setec.NewStore(ctx, setec.StoreConfig{Client: client, Secrets: names, PollInterval: time.Hour, Logf: func(string, ...any) {}})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = st.Close() })
	return st
}

func awsCache(tb testing.TB, names []string) *secretcache.Cache {
	tb.Helper()
	client := must(peer.SecretsManager(backend))(tb)
	c, err := secretcache.New(func(c *secretcache.Cache) { c.Client = client })
	require.NoError(tb, err)
	for _, name := range names {
		_, err := c.GetSecretString(name)
		require.NoError(tb, err)
	}
	return c
}

// held are the peers' reads of a held secret by its name, each as a plain
// loop: a call through an interface would cost as much as what is measured.
var held = []struct {
	peer string
	open func(tb testing.TB, names, order []string) func(start, n int)
}{
	{"floor", func(_ testing.TB, names, order []string) func(int, int) {
		values := make(map[string]*string, len(names))
		for _, name := range names {
			value := fake.Value(name, 0)
			values[name] = &value
		}
		var floor atomic.Pointer[map[string]*string]
		floor.Store(&values)
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if (*floor.Load())[order[i&load.Mask]] == nil {
					panic("missing")
				}
			}
		}
	}},
	{"ours", func(tb testing.TB, names, order []string) func(int, int) {
		r := resolver(tb, names)
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if _, err := r.Get(ctx, order[i&load.Mask]); err != nil {
					panic(err)
				}
			}
		}
	}},
	{"ours-revealed", func(tb testing.TB, names, order []string) func(int, int) {
		r := resolver(tb, names)
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if s, err := r.Get(ctx, order[i&load.Mask]); err != nil || s.Reveal() == "" {
					panic(err)
				}
			}
		}
	}},
	{"ours-on-demand", func(tb testing.TB, names, order []string) func(int, int) {
		r := resolver(tb, names, secrets.WithOnDemand())
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if _, err := r.Get(ctx, order[i&load.Mask]); err != nil {
					panic(err)
				}
			}
		}
	}},
	{"runtimevar", func(tb testing.TB, names, order []string) func(int, int) {
		vars := variables(tb, names)
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if s, err := vars[order[i&load.Mask]].Latest(ctx); err != nil || s.Value.(string) == "" {
					panic(err)
				}
			}
		}
	}},
	{"setec", func(tb testing.TB, names, order []string) func(int, int) {
		st := setecStore(tb, names)
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if len(st.Secret(order[i&load.Mask]).Get()) == 0 {
					panic("empty")
				}
			}
		}
	}},
	{"awscache", func(tb testing.TB, names, order []string) func(int, int) {
		c := awsCache(tb, names)
		return func(start, n int) {
			for i := start; i < start+n; i++ {
				if s, err := c.GetSecretStringWithContext(ctx, order[i&load.Mask]); err != nil || s == "" {
					panic(err)
				}
			}
		}
	}},
}

// BenchmarkHeld is a read of a held secret by its name.
func BenchmarkHeld(b *testing.B) {
	for _, h := range held {
		b.Run("peer="+h.peer, func(b *testing.B) {
			restore(b)
			for _, n := range []int{1, 1000} {
				b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
					names := load.Names("held", n)
					loop := h.open(b, names, load.Order(names))
					for _, g := range []int{1, 2, 8} {
						b.Run(fmt.Sprintf("goroutines=%d", g), func(b *testing.B) { load.Spread(b, g, loop) })
					}
				})
			}
		})
	}
}

// BenchmarkScaling is how many times as much as one goroutine two get done
// together, reading held secrets by their names.
func BenchmarkScaling(b *testing.B) {
	for _, h := range held {
		b.Run("peer="+h.peer, func(b *testing.B) {
			restore(b)
			for _, n := range []int{1, 1000} {
				b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
					names := load.Names("held", n)
					loop := h.open(b, names, load.Order(names))
					b.ReportMetric(load.Scaling(b.N, 2, loop), "two-over-one")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// handles are reads through what a program keeps for one secret.
var handles = []struct {
	peer string
	open func(tb testing.TB) func(start, n int)
}{
	{"floor", func(testing.TB) func(int, int) {
		value := fake.Value("held-0000", 0)
		var floor atomic.Pointer[string]
		floor.Store(&value)
		return func(_, n int) {
			for range n {
				if *floor.Load() == "" {
					panic("empty")
				}
			}
		}
	}},
	{"ours", func(tb testing.TB) func(int, int) {
		live, err := secrets.Bind[string](ctx, resolver(tb, load.Names("held", 1)), "held-0000", nil)
		require.NoError(tb, err)
		return func(_, n int) {
			for range n {
				if live.Get() == "" {
					panic("empty")
				}
			}
		}
	}},
	{"runtimevar", func(tb testing.TB) func(int, int) {
		v := variables(tb, load.Names("held", 1))["held-0000"]
		return func(_, n int) {
			for range n {
				if s, err := v.Latest(ctx); err != nil || s.Value.(string) == "" {
					panic(err)
				}
			}
		}
	}},
	{"setec", func(tb testing.TB) func(int, int) {
		s := setecStore(tb, load.Names("held", 1)).Secret("held-0000")
		return func(_, n int) {
			for range n {
				if len(s.Get()) == 0 {
					panic("empty")
				}
			}
		}
	}},
}

// BenchmarkHandle is a read of one secret through its handle.
func BenchmarkHandle(b *testing.B) {
	for _, h := range handles {
		b.Run("peer="+h.peer, func(b *testing.B) {
			restore(b)
			loop := h.open(b)
			for _, g := range []int{1, 2, 8} {
				b.Run(fmt.Sprintf("goroutines=%d", g), func(b *testing.B) { load.Spread(b, g, loop) })
			}
		})
	}
}

func TestAHeldSecretIsReadWithNoAllocationAndNoCall(t *testing.T) {
	restore(t)
	names := load.Names("held", 10)
	order := load.Order(names)
	for _, h := range held {
		if h.peer != "ours" && h.peer != "ours-revealed" && h.peer != "ours-on-demand" {
			continue
		}
		t.Run(h.peer, func(t *testing.T) {
			loop := h.open(t, names, order)
			require.NoError(t, backend.Reset())
			require.Zero(t, testing.AllocsPerRun(100, func() { loop(0, 100) }))
			require.Zero(t, calls(t))
		})
	}
}

func TestEveryPeerReadsWhatItHolds(t *testing.T) {
	restore(t)
	names := load.Names("held", 10)
	order := load.Order(names)
	for _, h := range held {
		t.Run(h.peer, func(t *testing.T) { require.NotPanics(t, func() { h.open(t, names, order)(0, 100) }) })
	}
	for _, h := range handles {
		t.Run("handle of "+h.peer, func(t *testing.T) { require.NotPanics(t, func() { h.open(t)(0, 100) }) })
	}
}
