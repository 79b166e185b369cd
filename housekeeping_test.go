package secrets_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// bytesAllocated returns how many bytes f allocates, whatever goroutine does so.
func bytesAllocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestHousekeeping(t *testing.T) {
	t.Run("has a new name be found without a lock and a clock a second after it was first asked for", spectest.Bubble(func(t *testing.T) {
		var looks atomic.Int64
		c := newSteps()
		clock := secrets.WithClock(
			func() time.Time { looks.Add(1); return time.Now().Round(0) },
			func() time.Duration { looks.Add(1); return time.Since(c.start) },
		)
		names := spectest.Numbered("s", 100)
		p := spectest.NewPolled(map[string]string{"new": "n"})
		for _, name := range names {
			p.Set(name, "v")
		}
		r := spectest.On(t, p, secrets.WithTTL(time.Hour), clock)
		require.NoError(t, r.Preload(t.Context(), names...))
		time.Sleep(3500 * time.Millisecond)
		spectest.Get(t, r, "new")
		time.Sleep(1100 * time.Millisecond)
		before := looks.Load()
		assert.Equal(t, "n", spectest.Get(t, r, "new"))
		assert.Equal(t, before, looks.Load())
	}))

	t.Run("allocates nothing while nothing happens, however many names there are", spectest.Bubble(func(t *testing.T) {
		names := spectest.Numbered("s", 1000)
		p := spectest.NewPolled(nil)
		for _, name := range names {
			p.Set(name, "v")
		}
		r := spectest.On(t, p, secrets.WithTTL(24*time.Hour))
		require.NoError(t, r.Preload(t.Context(), names...))
		time.Sleep(10 * time.Second)
		bytes := bytesAllocated(func() { time.Sleep(10 * time.Minute) })
		assert.Less(t, bytes, uint64(1<<20))
	}))

	t.Run("copies the names once a second at most, however many refreshes end in it", spectest.Bubble(func(t *testing.T) {
		names, fresh := spectest.Numbered("s", 3000), spectest.Numbered("new", 300)
		p := spectest.NewPolled(nil)
		for _, name := range append(names, fresh...) {
			p.Set(name, "v")
		}
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Minute)) // no batches: many refreshes
		require.NoError(t, r.Preload(t.Context(), names...))
		p.Delay(secretstest.All, 10*time.Millisecond)
		_, first := spectest.NextReads(t, r)
		spectest.SleepUntil(first)
		p.ResetCalls()
		bytes := bytesAllocated(func() {
			for _, name := range fresh {
				spectest.Get(t, r, name)
			}
		})
		require.Greater(t, p.Calls().Reads, 7*len(fresh), "refreshes end all the while")
		assert.Less(t, bytes, uint64(12<<20))
	}))
}

func TestMissingDocumentsAreForgotten(t *testing.T) {
	t.Run("forgets what is missing within a second after that may be asked for again", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Hour), secrets.WithNegativeTTL(2*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(500 * time.Millisecond)
		for i := range 8 {
			_, err := r.Get(t.Context(), fmt.Sprint("missing", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
			time.Sleep(100 * time.Millisecond)
			var missing []string
			for _, s := range r.Status() {
				if s.State == secrets.StateMissing {
					missing = append(missing, s.Document)
				}
			}
			var want []string // what was asked for in the last three seconds
			for j := max(0, i-2); j <= i; j++ {
				want = append(want, fmt.Sprint("missing", j))
			}
			assert.Equal(t, want, missing)
			time.Sleep(900 * time.Millisecond)
		}
	}))
}
