package envfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// watchMany watches a file in each of n directories, and returns how long a
// change in one of them takes to be seen.
func watchMany(t testing.TB, n int) (started, seen time.Duration) {
	dir := t.TempDir()
	p := NewDir(dir, DirOptions{})
	defer p.Close()
	changed := make(chan int, 1)
	for i := range n {
		require.NoError(t, os.Mkdir(filepath.Join(dir, fmt.Sprintf("d%d", i)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("d%d/token", i)), []byte("one"), 0o600))
	}
	start := time.Now()
	for i := range n {
		name := fmt.Sprintf("d%d/token", i)
		if err := p.Watch(t.Context(), secrets.Ref{Path: name}, func() { changed <- i }); err != nil {
			t.Skipf("the system has no more watches: %v", err)
		}
	}
	started = time.Since(start)
	// What is still to be looked at from the start is no part of the measure.
	for range 3 {
		start = time.Now()
		replace(t, filepath.Join(dir, fmt.Sprintf("d%d/token", n/2)), fmt.Sprint("two", start.UnixNano()))
		require.Equal(t, n/2, <-changed)
		seen = time.Since(start)
	}
	return started, seen
}

func TestAChangeAmongManyDirectoriesIsSeenAtOnce(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 500
	}
	_, seen := watchMany(t, n)
	require.Less(t, seen, time.Second)
}

func BenchmarkAChangeAmongManyDirectories(b *testing.B) {
	for _, n := range []int{1000, 4000, 16000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				started, seen := watchMany(b, n)
				b.ReportMetric(float64(started.Microseconds())/float64(n), "µs/watch")
				b.ReportMetric(float64(seen.Microseconds())/1000, "ms/change")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
