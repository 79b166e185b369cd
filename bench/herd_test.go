package bench_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// herdTTL is the TTL in the rows of a herd: so long that not even a busy
// machine gets to the refresh after the next.
const herdTTL = 2 * time.Second

// herd reads one name from n goroutines at once.
func herd(tb testing.TB, r peer.Reader, name string, n int) {
	tb.Helper()
	var ready, all sync.WaitGroup
	begin := make(chan struct{})
	errs := make([]error, n)
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			ready.Done()
			<-begin
			_, errs[i] = r.Get(ctx, name)
		})
	}
	ready.Wait()
	close(begin)
	all.Wait()
	for _, err := range errs {
		require.NoError(tb, err)
	}
}

// herds has n goroutines read one name, cold and again right after its TTL,
// and returns the calls of each: those until the first were answered, and
// those of the whole TTL with the second herd.
func herds(tb testing.TB, which string, n int) (cold, expired int) {
	slow(tb, 20*time.Millisecond)
	r := open(tb, which, peer.Options{TTL: herdTTL, Names: load.Names("warm", 1)})
	must(r.Get(ctx, "warm-0000"))(tb) // the connection, the credentials
	require.NoError(tb, backend.Reset())
	herd(tb, r, "herd", n)
	held := time.Now()
	cold = callsFor(tb, "herd")
	require.NoError(tb, backend.Reset())
	time.Sleep(time.Until(held.Add(herdTTL + 10*time.Millisecond)))
	herd(tb, r, "herd", n)
	return cold, callsFor(tb, "herd")
}

// callsFor returns how many calls had to do with one secret.
func callsFor(tb testing.TB, name string) int {
	tb.Helper()
	return must(backend.Stats())(tb).Names[name]
}

var herdPeers = []string{peer.Ours, peer.OnDemand, peer.Raw, peer.AWSCache, peer.RuntimeVar, peer.Setec}

// BenchmarkHerd is 1,000 goroutines that want one secret.
func BenchmarkHerd(b *testing.B) {
	for _, which := range herdPeers {
		b.Run("peer="+which, func(b *testing.B) {
			cold, expired := herds(b, which, 1000)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(cold), "cold-calls")
			b.ReportMetric(float64(expired), "expiry-calls")
		})
	}
}

func TestAHerdIsOneCall(t *testing.T) {
	for _, which := range []string{peer.Ours, peer.OnDemand} {
		t.Run(fmt.Sprint(which), func(t *testing.T) {
			cold, expired := herds(t, which, 100)
			assert.Equal(t, 1, cold)
			assert.Equal(t, 1, expired)
		})
	}
}
