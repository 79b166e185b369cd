package bench_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/filevar"

	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

const rotationTTL = time.Second

// rotations returns how long after each of n rotations, at random moments, a
// peer that polls gave the new value.
func rotations(tb testing.TB, which string, n int) []time.Duration {
	tb.Helper()
	restore(tb)
	names := load.Names("rotated", 1)
	r := open(tb, which, peer.Options{TTL: rotationTTL, Names: names})
	must(r.Get(ctx, names[0]))(tb)
	var all []time.Duration
	for range n {
		pause := time.Duration(rand.Int64N(int64(rotationTTL)))
		for end := time.Now().Add(pause); time.Now().Before(end); time.Sleep(time.Millisecond) { // it stays in use
			must(r.Get(ctx, names[0]))(tb)
		}
		generation := must(backend.Rotate())(tb)
		after, never := seen(r, names[0], generation, 10*time.Second)
		require.False(tb, never)
		all = append(all, after)
	}
	return all
}

var rotationPeers = []string{peer.Ours, peer.OnDemand, peer.AWSCache, peer.RuntimeVar, peer.Setec}

// BenchmarkRotation is how long after a rotation a polled peer, with a TTL of
// a second, gives the new value.
func BenchmarkRotation(b *testing.B) {
	for _, which := range rotationPeers {
		b.Run("peer="+which, func(b *testing.B) { reportSeen(b, rotations(b, which, max(3, *samples/12))) })
	}
}

func reportSeen(b *testing.B, all []time.Duration) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(load.Median(all)), "median-ns")
	b.ReportMetric(float64(load.Quantile(all, 1)), "max-ns")
}

// filePeers open a reader of the file of that name in a directory.
var filePeers = []struct {
	peer string
	open func(dir, name string) (read func() (string, error), end func() error, err error)
}{
	{"ours", func(dir, name string) (func() (string, error), func() error, error) {
		r, err := peer.OpenOurs("file://"+dir+"?perm=any", peer.Options{})
		if err != nil {
			return nil, nil, err
		}
		return func() (string, error) { return r.Get(ctx, name) }, r.Close, nil
	}},
	{"runtimevar", func(dir, name string) (func() (string, error), func() error, error) {
		v, err := filevar.OpenVariable(filepath.Join(dir, name), runtimevar.StringDecoder, nil)
		if err != nil {
			return nil, nil, err
		}
		return func() (string, error) {
			s, err := v.Latest(ctx)
			if err != nil {
				return "", err
			}
			return s.Value.(string), nil
		}, v.Close, nil
	}},
}

// layouts are the ways in which files are replaced.
var layouts = []struct {
	name string
	// write writes a file of the directory.
	write func(tb testing.TB, dir, name, value string)
}{
	{"rename", func(tb testing.TB, dir, name, value string) {
		at := filepath.Join(dir, "."+name)
		require.NoError(tb, os.WriteFile(at, []byte(value), 0o600))
		require.NoError(tb, os.Rename(at, filepath.Join(dir, name)))
	}},
	{"kubernetes", func(tb testing.TB, dir, name, value string) {
		old, _ := os.Readlink(filepath.Join(dir, "..data"))
		at := must(os.MkdirTemp(dir, "..version-"))(tb)
		require.NoError(tb, os.WriteFile(filepath.Join(at, name), []byte(value), 0o600))
		require.NoError(tb, os.Symlink(filepath.Base(at), filepath.Join(dir, "..data_tmp")))
		require.NoError(tb, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		if old == "" {
			require.NoError(tb, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
			return
		}
		require.NoError(tb, os.RemoveAll(filepath.Join(dir, old)))
	}},
}

// fileRotations returns how long after each of n replacements a file's reader
// gave the new value.
func fileRotations(tb testing.TB, which, layout, n int, limit time.Duration) (all []time.Duration, missed int) {
	tb.Helper()
	dir := tb.TempDir()
	write := layouts[layout].write
	write(tb, dir, "db", fake.Value("db", 0))
	read, end, err := filePeers[which].open(dir, "db")
	require.NoError(tb, err)
	defer func() { require.NoError(tb, end()) }()
	must(read())(tb)
	for g := 1; g <= n; g++ {
		time.Sleep(30 * time.Millisecond)
		write(tb, dir, "db", fake.Value("db", g))
		after, ok := load.Until(limit, 100*time.Microsecond, func() bool {
			value, err := read()
			return err == nil && value == fake.Value("db", g)
		})
		if !ok {
			missed++
		}
		all = append(all, after)
	}
	return all, missed
}

// BenchmarkFileRotation is how long after a file was replaced its reader gives
// the new value.
func BenchmarkFileRotation(b *testing.B) {
	for l, layout := range layouts {
		for i, p := range filePeers {
			b.Run("layout="+layout.name+"/peer="+p.peer, func(b *testing.B) {
				all, missed := fileRotations(b, i, l, max(3, *samples/20), 3*time.Second)
				reportSeen(b, all)
				b.ReportMetric(float64(missed), "missed")
			})
		}
	}
}

// BenchmarkFilesOpen is opening a mounted directory and reading the first
// secret of it.
func BenchmarkFilesOpen(b *testing.B) {
	dir := b.TempDir()
	layouts[0].write(b, dir, "db", fake.Value("db", 0))
	b.Run("peer=floor", func(b *testing.B) {
		for b.Loop() {
			must(os.ReadFile(filepath.Join(dir, "db")))(b)
		}
	})
	for _, p := range filePeers {
		b.Run("peer="+p.peer, func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				start := time.Now()
				read, end, err := p.open(dir, "db")
				require.NoError(b, err)
				must(read())(b)
				all = append(all, time.Since(start))
				require.NoError(b, end())
			}
			b.ReportMetric(float64(load.Median(all)), "ns/op") // without the end
		})
	}
}

func TestARotationIsSeenWithinTheTTLAndAtOnceOnFiles(t *testing.T) {
	for _, which := range []string{peer.Ours, peer.OnDemand} {
		t.Run(which, func(t *testing.T) {
			for _, after := range rotations(t, which, 2) {
				assert.Less(t, after, rotationTTL+time.Second)
			}
		})
	}
	for l, layout := range layouts {
		t.Run("files by "+layout.name, func(t *testing.T) {
			all, missed := fileRotations(t, 0, l, 3, 10*time.Second)
			assert.Zero(t, missed)
			assert.Less(t, load.Median(all), time.Second)
		})
	}
}
