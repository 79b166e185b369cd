package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/line"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/figures"
)

const (
	// grace is what a read may take beyond the resolver's timeout: a quarter
	// of a second that the resolver gives a provider which does not look at its
	// context, and as much for a busy machine.
	grace = 500 * time.Millisecond
	// Of the Gets of a held secret, the median takes at most typical, 99 of 100
	// at most soon, and each at most atOnce: what the machine takes for other
	// things is in it, and no second that a Get would wait for a read.
	typical = time.Millisecond
	soon    = 50 * time.Millisecond
	atOnce  = 750 * time.Millisecond
	// lasts is how long a held secret goes through a fault.
	lasts = 4 * time.Second
	// These bound the time from the end of a fault to the value. After so few
	// failed reads a cold secret's failure is remembered for a second or two,
	// and what was begun before, a connection or a question to a nameserver,
	// takes five seconds at most to fail. A held secret is read again after the
	// backoff of refreshes, which is never more than 30 seconds.
	coldRecovers = 10 * time.Second
	heldRecovers = 30*time.Second + short + grace
)

// TestFaults goes through backends × faults × what is asked for.
func TestFaults(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.tally = new(tally)
			t.Cleanup(func() { b.tally.tell(t) })
			for _, f := range faults {
				t.Run(f.name, func(t *testing.T) {
					t.Parallel()
					outcome := "fails in time and recovers"
					if f.takes > 0 {
						outcome = "arrives in time"
					}
					t.Run("a cold secret "+outcome, func(t *testing.T) { t.Parallel(); cold(t, b, f) })
					t.Run("a cold batch "+outcome, func(t *testing.T) { t.Parallel(); batch(t, b, f) })
					t.Run("a held secret is served without delay and is refreshed", func(t *testing.T) { t.Parallel(); hold(t, b, f) })
				})
			}
		})
	}
}

// A tally is what the trials of one backend measured.
type tally struct {
	mu      sync.Mutex
	failed  int           // cold reads
	late    time.Duration // the most that one of them took beyond the resolver's timeout; negative: each was in time
	held    int           // Gets of a held secret
	slowest time.Duration // of those
	median  time.Duration // the slowest of a trial
}

func (ta *tally) failure(beyond time.Duration) {
	ta.mu.Lock()
	defer ta.mu.Unlock()
	if ta.failed++; ta.failed == 1 || beyond > ta.late {
		ta.late = beyond
	}
}

func (ta *tally) gets(n int, median, slowest time.Duration) {
	ta.mu.Lock()
	defer ta.mu.Unlock()
	ta.held += n
	ta.median, ta.slowest = max(ta.median, median), max(ta.slowest, slowest)
}

func (ta *tally) tell(t *testing.T) {
	t.Helper()
	ta.mu.Lock()
	defer ta.mu.Unlock()
	figures.Tell(t, "%d faults; %d cold reads failed as they should, the slowest %v after the timeout (%v are allowed); %d Gets of what was held, in each fault half of them in %v, the slowest in %v, none failed",
		len(faults), ta.failed, ta.late.Round(time.Millisecond), grace, ta.held, ta.median.Round(100*time.Nanosecond), ta.slowest.Round(100*time.Microsecond))
}

// A trial is a resolver with a line of its own, and secrets of its own.
type trial struct {
	backend
	fault
	*connection
	r        *secrets.Resolver
	base     string
	searches []*canary.Search
	logs     logBuffer
}

// secretNames are the names of a trial's secrets; four are a batch also where
// three are not.
var secretNames = []string{"a", "b", "c", "d"}

func try(t *testing.T, b backend, f fault, opts ...secrets.Option) *trial {
	t.Helper()
	x := &trial{backend: b, fault: f, base: fmt.Sprintf("t%08x", rand.Uint32()), searches: []*canary.Search{canary.For(b.credential)}}
	for _, name := range secretNames {
		x.rotate(t, name)
	}
	x.connection = &connection{Line: line.New(t, b.target), host: x.base + domain}
	names.set(x.host, loopback)
	opts = append([]secrets.Option{secrets.WithLogger(slog.New(slog.NewTextHandler(&x.logs, &slog.HandlerOptions{Level: slog.LevelDebug})))}, opts...)
	r, err := secrets.Open(t.Context(), b.uri(x.base, x.host+":"+x.Port()), opts...)
	require.NoError(t, err)
	x.r = r
	t.Cleanup(func() {
		start := time.Now()
		_ = r.Close()
		assert.Less(t, time.Since(start), 6*time.Second, "Close waits for a while only")
		x.clean(t, errors.New(x.logs.String()))
	})
	return x
}

// rotate gives a secret a value that it never had, and returns that.
func (x *trial) rotate(t *testing.T, name string) string {
	t.Helper()
	value, search := text(x.size)
	x.searches = append(x.searches, search)
	x.mustPut(t, x.base, name, value)
	return value
}

// spoil makes the fault, until mend is called, or the test ends.
func (x *trial) spoil(t *testing.T) (mend func()) {
	mend = sync.OnceFunc(x.make(t, x.connection))
	t.Cleanup(mend)
	return mend
}

// clean looks for every value and credential in an error.
func (x *trial) clean(t *testing.T, err error) {
	t.Helper()
	for _, s := range x.searches {
		assert.Empty(t, s.Error(err), "a value or a credential is in an error or in the log")
	}
}

// judge judges an error that the fault has caused.
func (x *trial) judge(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for class, is := range map[error]bool{
		secrets.ErrUnavailable: true, secrets.ErrNotFound: false, secrets.ErrPermission: false, secrets.ErrUnauthenticated: false,
		secrets.ErrThrottled: false, secrets.ErrInvalid: false, secrets.ErrClosed: false,
	} {
		assert.Equal(t, is, errors.Is(err, class), "%v in %v", class, err)
	}
	x.tells(t, err.Error())
	x.clean(t, err)
}

// tells looks for the cause in what an error says.
func (x *trial) tells(t *testing.T, said string) {
	t.Helper()
	assert.True(t, x.told(said), "the error tells the cause, one of %q: %s", x.causes, said)
}

func (x *trial) told(said string) bool {
	return slices.ContainsFunc(x.causes, func(cause string) bool { return strings.Contains(said, cause) })
}

// cold asks for one secret that was never held.
func cold(t *testing.T, b backend, f fault) {
	x := try(t, b, f, secrets.WithTimeout(f.timeout))
	want := x.rotate(t, "a")
	mend := x.spoil(t)
	get := func() error {
		s, err := x.r.Get(t.Context(), "a")
		if err == nil {
			assert.True(t, s.Reveal() == want, "the value is what was put")
		}
		return err
	}
	x.firstRead(t, mend, get)
}

// batch asks for several secrets at once that were never held.
func batch(t *testing.T, b backend, f fault) {
	x := try(t, b, f, secrets.WithTimeout(f.timeout))
	mend := x.spoil(t)
	first := true
	x.firstRead(t, mend, func() error {
		err := x.r.Preload(t.Context(), secretNames...)
		if err != nil && first {
			for _, name := range secretNames {
				assert.ErrorContains(t, err, fmt.Sprintf("%q", name), "each name is told")
			}
		}
		first = false
		return err
	})
}

// firstRead judges a read in a fault, and its recovery.
func (x *trial) firstRead(t *testing.T, mend func(), read func() error) {
	t.Helper()
	start := time.Now()
	err := read()
	took := time.Since(start)
	assert.LessOrEqual(t, took, x.timeout+grace, "within the resolver's timeout")
	if x.takes > 0 {
		require.NoError(t, err)
		assert.GreaterOrEqual(t, took, x.takes, "it came through the fault")
		t.Logf("came after %v", took.Round(time.Millisecond))
		return
	}
	x.judge(t, err)
	x.tally.failure(took - x.timeout)
	mend()
	mended := time.Now()
	for again := read(); again != nil; again = read() {
		require.Less(t, time.Since(mended), x.recovers(coldRecovers), "it recovers: %v", again)
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("failed after %v (%v); recovered %v after its end", took.Round(time.Millisecond), err, time.Since(mended).Round(time.Millisecond))
}

// hold asks for a secret that is held, over and over.
func hold(t *testing.T, b backend, f fault) {
	x := try(t, b, f, secrets.WithTTL(300*time.Millisecond), secrets.WithIdle(time.Minute), secrets.WithTimeout(holdTimeout(f)))
	old := x.rotate(t, "a")
	require.Eventually(t, func() bool { return x.r.Preload(context.Background(), secretNames...) == nil }, heldRecovers, 50*time.Millisecond, "on a busy machine, too")
	mend := x.spoil(t)
	now := x.rotate(t, "a")

	var times []time.Duration
	seen := false
	get := func() {
		start := time.Now()
		s, err := x.r.Get(t.Context(), "a")
		times = append(times, time.Since(start))
		require.NoError(t, err)
		value := s.Reveal()
		require.True(t, value == now || value == old && !seen, "the value is the old one, and from some time on the new one")
		seen = value == now
	}
	through := x.takes > 0
	enough := func() bool {
		if through {
			return seen
		}
		// A busy server may be late as well; in the end the fault is told.
		status := x.status("a")
		return status.State == secrets.StateStale && x.told(status.LastError)
	}
	for start := time.Now(); time.Since(start) < lasts || !enough(); time.Sleep(5 * time.Millisecond) {
		get()
		require.Less(t, time.Since(start), lasts+x.recovers(heldRecovers), "a refresh has come to its end meanwhile, and what it met is told: %s", x.status("a").LastError)
	}
	slices.Sort(times)
	slowest, median := times[len(times)-1], times[len(times)/2]
	assert.Less(t, slowest, atOnce, "every Get is served without delay")
	assert.Less(t, times[len(times)*99/100], soon, "every Get is served without delay")
	assert.Less(t, median, typical, "every Get is served without delay")
	x.tally.gets(len(times), median, slowest)
	if through {
		t.Logf("seen through the fault; Get: median %v, slowest %v", median, slowest)
		return
	}
	assert.False(t, seen, "nothing comes through")
	status := x.status("a")
	assert.Equal(t, "unavailable", status.Class)
	x.clean(t, errors.New(status.LastError))
	assert.NoError(t, x.r.Healthy(), "a stale value is healthy")

	mend()
	mended := time.Now()
	for !seen {
		get()
		require.Less(t, time.Since(mended), x.recovers(heldRecovers), "the new value is seen: %s", x.status("a").LastError)
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("stale after %d failures (%s); Get: median %v, slowest %v; the new value %v after the fault's end",
		status.Failures, status.LastError, median, slowest, time.Since(mended).Round(time.Millisecond))
}

// holdTimeout is long enough for a value that comes through.
func holdTimeout(f fault) time.Duration {
	if f.takes > 0 {
		return f.timeout
	}
	return min(f.timeout, short)
}

// recovers is the time from a fault's end to the value, at most: a bound, and
// what the backend itself waits for.
func (x *trial) recovers(bound time.Duration) time.Duration { return bound + x.settles }

// status is that of the document of a name.
func (x *trial) status(name string) secrets.Status {
	for _, s := range x.r.Status() {
		if slices.Contains(s.Names, name) {
			return s
		}
	}
	return secrets.Status{}
}

// logBuffer is what a logger writes to.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
