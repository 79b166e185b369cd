package bench_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// readerPeer in the environment makes this program one that reads a secret and
// is stopped in the midst of it, as a sandbox that freezes between requests.
const (
	readerPeer    = "BENCH_READER_PEER"
	readerBackend = "BENCH_READER_BACKEND"
	freezeTTL     = 300 * time.Millisecond
	freezeName    = "frozen"
)

// A frozenRead is what the stopped process tells of one Get.
type frozenRead struct {
	Generation int
	Failed     bool
}

// readerMain is the main function of the process that is stopped: it reads
// once for each line of its standard input.
func readerMain() {
	which := os.Getenv(readerPeer)
	if which == "" {
		return
	}
	if err := peer.Environment(); err != nil {
		panic(err)
	}
	r, err := peer.Open(which, &fake.Backend{AWS: os.Getenv(readerBackend)}, peer.Options{TTL: freezeTTL})
	if err != nil {
		panic(err)
	}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		value, err := r.Get(ctx, freezeName)
		read := frozenRead{Failed: err != nil}
		if err == nil {
			if read.Generation, err = fake.Generation(value); err != nil {
				panic(err)
			}
		}
		if err := out.Encode(read); err != nil {
			panic(err)
		}
	}
	os.Exit(0)
}

// A frozen is what was seen of a process that was stopped in mid-read.
type frozen struct {
	first  time.Duration // from its continuation until the Get returned
	newest time.Duration // until a Get had the value written while it stood
	failed int           // Gets that failed
	calls  int
}

// freeze stops a process in the midst of a read for d. drop: the backend
// forgets its connections meanwhile.
func freeze(tb testing.TB, which string, d time.Duration, drop bool) frozen {
	tb.Helper()
	restore(tb)
	self := must(os.Executable())(tb)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), readerPeer+"="+which, readerBackend+"="+backend.AWS)
	cmd.Stderr = os.Stderr
	in := must(cmd.StdinPipe())(tb)
	out := json.NewDecoder(must(cmd.StdoutPipe())(tb))
	require.NoError(tb, cmd.Start())
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = in.Close()
		_ = cmd.Wait()
	}()
	ask := func() { must(io.WriteString(in, "\n"))(tb) }
	answer := func() (read frozenRead) {
		require.NoError(tb, out.Decode(&read))
		return read
	}

	ask()
	require.False(tb, answer().Failed)
	slow(tb, 300*time.Millisecond)
	time.Sleep(2 * freezeTTL)
	ask()
	_, reading := load.Until(3*time.Second, 5*time.Millisecond, func() bool { return must(backend.Stats())(tb).InFlight > 0 })
	require.True(tb, reading, "no read is under way")
	require.NoError(tb, cmd.Process.Signal(syscall.SIGSTOP))
	if drop {
		require.NoError(tb, backend.Drop())
	}
	time.Sleep(d)
	require.NoError(tb, backend.Latency(0))
	generation := must(backend.Rotate())(tb)
	require.NoError(tb, cmd.Process.Signal(syscall.SIGCONT))
	began := time.Now()
	var f frozen
	count := func(read frozenRead) bool {
		if read.Failed {
			f.failed++
		}
		return !read.Failed && read.Generation >= generation
	}
	current := count(answer())
	f.first = time.Since(began)
	for !current && time.Since(began) < 30*time.Second {
		time.Sleep(10 * time.Millisecond)
		ask()
		current = count(answer())
	}
	f.newest = time.Since(began)
	f.calls = calls(tb)
	return f
}

var freezePeers = []string{peer.OnDemand, peer.Ours, peer.Raw, peer.AWSCache}

// BenchmarkFreeze is a process that is stopped (SIGSTOP) in the midst of a
// read and continued (SIGCONT) after its connections may have gone.
func BenchmarkFreeze(b *testing.B) {
	for _, connections := range []string{"kept", "dropped"} {
		for _, which := range freezePeers {
			b.Run(fmt.Sprintf("connections=%s/peer=%s", connections, which), func(b *testing.B) {
				f := freeze(b, which, *outageFor/2, connections == "dropped")
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(f.first), "first-ns")
				b.ReportMetric(float64(f.newest), "current-ns")
				b.ReportMetric(float64(f.failed), "failed")
				b.ReportMetric(float64(f.calls), "calls")
			})
		}
	}
}

func TestAProcessStoppedInMidReadGoesOn(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("connections dropped: %v", drop), func(t *testing.T) {
			f := freeze(t, peer.OnDemand, 1500*time.Millisecond, drop)
			assert.Zero(t, f.failed)
			assert.Less(t, f.first, 2*time.Second, "a second is what a Get waits at most")
			assert.Less(t, f.newest, 30*time.Second)
		})
	}
}
