package bench_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// What the rows that take their own time take, as cmd/peers sets it.
var (
	outageFor = flag.Duration("outage", time.Second, "how long an outage lasts")
	recovery  = flag.Duration("recovery", 5*time.Second, "how long to wait for the value that was written during an outage")
	heldCount = flag.Int("held", 500, "how many secrets are held where bytes are counted")
	documents = flag.Int("documents", 500, "how many documents are refreshed")
	samples   = flag.Int("samples", 20, "how many times what is timed one by one is done")
	traceFile = flag.String("trace", "", "where to append the samples of an outage")
)

var backend *fake.Backend

func TestMain(m *testing.M) {
	fake.Main()
	readerMain()
	if err := peer.Environment(); err != nil {
		panic(err)
	}
	var err error
	if backend, err = fake.Start(); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := backend.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// restore has the backend answer at once, and counts from zero.
func restore(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, backend.Mode(fake.OK))
	require.NoError(tb, backend.Latency(0))
	require.NoError(tb, backend.Reset())
}

// slow has each call of the backend take d, and counts from zero.
func slow(tb testing.TB, d time.Duration) {
	tb.Helper()
	restore(tb)
	require.NoError(tb, backend.Latency(d))
}

// calls returns how many calls the backend has got since it was restored.
func calls(tb testing.TB) int {
	tb.Helper()
	s, err := backend.Stats()
	require.NoError(tb, err)
	return s.Total()
}

// open opens a peer, which is closed when the benchmark or test ends.
func open(tb testing.TB, which string, o peer.Options) peer.Reader {
	tb.Helper()
	r, err := peer.Open(which, backend, o)
	require.NoError(tb, err)
	return closing(tb, r)
}

// closing has r closed when the benchmark or test ends, at the latest a few
// seconds later: some peers wait for a hung call.
func closing(tb testing.TB, r peer.Reader) peer.Reader {
	tb.Cleanup(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.Close()
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
		}
	})
	return r
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		require.NoError(tb, err)
		return value
	}
}

var ctx = context.Background()
