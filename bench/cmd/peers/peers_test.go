package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const measured = `goos: linux
goarch: amd64
cpu: a test
BenchmarkHeld/peer=floor/names=1/goroutines=1-2 100 10.0 ns/op 0 B/op 0 allocs/op
BenchmarkHeld/peer=ours/names=1/goroutines=1-2 100 14.0 ns/op 0 B/op 0 allocs/op
BenchmarkHeld/peer=ours/names=1/goroutines=1-2 100 100.0 ns/op 0 B/op 0 allocs/op
BenchmarkHeld/peer=floor/names=1/goroutines=1-2 100 80.0 ns/op 0 B/op 0 allocs/op
BenchmarkHerd/peer=ours-on-demand-2 1 2 cold-calls 1 expiry-calls
BenchmarkOutage/kind=hang/peer=setec-2 1 2000000000 recovery-ns 1 never-recovered
`

// read returns the results of a text.
func read(t *testing.T, text string) *results {
	t.Helper()
	file := filepath.Join(t.TempDir(), "results.txt")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	r, err := readResults(file)
	require.NoError(t, err)
	return r
}

func TestARatioIsTheMedianOfThoseWithinEachRound(t *testing.T) {
	r := read(t, measured)
	ratio, err := r.ratio("Held/peer=ours/names=1/goroutines=1", "Held/peer=floor/names=1/goroutines=1", "ns/op")
	require.NoError(t, err)
	assert.InDelta(t, (1.4+1.25)/2, ratio, 1e-9, "not that of the medians")
}

func TestANameKeepsWhatIsNoNumberOfCPUs(t *testing.T) {
	assert.True(t, read(t, measured).has("Herd/peer=ours-on-demand"))
}

func TestAChecksOutcomeFollowsFromWhatWasMeasured(t *testing.T) {
	byWhat := map[string]check{}
	for _, c := range allChecks(read(t, measured)) {
		byWhat[c.what] = c
	}
	assert.True(t, byWhat["a held Get by name, 1 names, beside the floor"].ok)
	assert.False(t, byWhat["backend calls of 1,000 goroutines on a cold name, ours-on-demand"].ok)
	missing := byWhat["heap of a held secret of 64 bytes"]
	assert.False(t, missing.ok, "what was not measured does not hold")
	assert.Error(t, missing.err)
}

func TestThePageIsWrittenFromWhateverWasMeasured(t *testing.T) {
	r, docs := read(t, measured), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(docs, "benchmarks"), 0o755))
	require.NoError(t, drawPlots(r, filepath.Join(docs, "benchmarks")))
	require.NoError(t, writePage(r, allChecks(r), docs))
	page, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "never (2 s watched)")
	assert.NotContains(t, string(page), "<no value>")
}

func TestRowsThatAreNotMeasuredNowKeepTheirResults(t *testing.T) {
	m := measurement{results: filepath.Join(t.TempDir(), "results.txt")}
	require.NoError(t, os.WriteFile(m.results, []byte(measured), 0o600))
	kept, err := m.others([]row{{name: "Held"}})
	require.NoError(t, err)
	text := strings.Join(kept, "\n")
	assert.NotContains(t, text, "BenchmarkHeld")
	assert.Contains(t, text, "BenchmarkHerd")
}

func TestEveryRowIsABenchmarkOfThisModule(t *testing.T) {
	sources, err := filepath.Glob("../../*_test.go")
	require.NoError(t, err)
	var all strings.Builder
	for _, s := range sources {
		text, err := os.ReadFile(s)
		require.NoError(t, err)
		all.Write(text)
	}
	for _, r := range allRows(options{rounds: 1}) {
		if r.name != programRow {
			assert.Contains(t, all.String(), "func Benchmark"+r.name+"(b *testing.B)")
		}
	}
}
