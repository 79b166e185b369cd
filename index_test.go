package secrets_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

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

func TestFindingNames(t *testing.T) {
	t.Run("takes no look at the clock once each was asked for a few times", spectest.Bubble(func(t *testing.T) {
		names, docs := spectest.Many(100)
		var looks atomic.Int64
		start := time.Now()
		r, _ := spectest.Polled(t, docs, secrets.WithClock(
			func() time.Time { looks.Add(1); return time.Now() },
			func() time.Duration { looks.Add(1); return time.Since(start) },
		))
		spectest.Get(t, r, "s0")
		synctest.Wait() // the refresher sleeps for the next second, which does not come
		for range 4 {
			for _, name := range names {
				spectest.Get(t, r, name)
			}
		}
		synctest.Wait()
		looks.Store(0)
		for i, name := range names {
			require.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, name))
		}
		assert.Zero(t, looks.Load())
	}))

	t.Run("copies what is known of the others now and then only, however many come", spectest.Bubble(func(t *testing.T) {
		const n = 4000
		names, docs := spectest.Many(n)
		r, _ := spectest.Polled(t, docs)
		each := bytesAllocated(func() {
			for range 2 {
				for _, name := range names {
					spectest.Get(t, r, name)
				}
			}
		}) / n
		assert.Less(t, each, uint64(20_000), "a copy for each new name is some 100,000 bytes")
	}))

	t.Run("costs nothing while nobody asks", spectest.Bubble(func(t *testing.T) {
		const n = 2000
		names, docs := spectest.Many(n)
		r, _ := spectest.Polled(t, docs, secrets.WithTTL(time.Hour))
		for range 2 {
			for _, name := range names {
				spectest.Get(t, r, name)
			}
		}
		time.Sleep(2 * time.Second)
		assert.Less(t, bytesAllocated(func() { time.Sleep(10 * time.Minute) }), uint64(1<<20), "a copy of all names each second is 50 MB")
	}))
}

// placeOf returns what tells whether a text is still in memory.
func placeOf(text string) weak.Pointer[byte] { return weak.Make(unsafe.StringData(text)) }

// collect frees what nothing refers to. A first collection may still see what
// a stack has left behind.
func collect() {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
}

func TestDeletedSecretsLeaveMemory(t *testing.T) {
	// Too long to share their place in memory with others, and made anew each time.
	name := func(i int) string { return fmt.Sprintf("%064d", i) }
	for _, n := range []int{1, 2, 9} {
		t.Run(fmt.Sprintf("with their names, when the backend has deleted all %d of them", n), spectest.Bubble(func(t *testing.T) {
			docs := make(map[string]string) // and not a provider that counts reads, by names that it keeps
			r := spectest.On(t, spectest.Fetching(func(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
				if doc, ok := docs[ref.Path]; ok {
					return secrets.Value{Data: []byte(doc)}, nil
				}
				return secrets.Value{}, secrets.ErrNotFound
			}))
			var names, values []weak.Pointer[byte]
			for i := range n {
				docs[name(i)] = fmt.Sprintf("%065d", i)
				asked := name(i)
				values = append(values, placeOf(spectest.Get(t, r, asked)))
				names = append(names, placeOf(asked))
			}
			for i := range 4 * n { // so that they are where Get looks first
				spectest.Get(t, r, name(i%n))
			}
			collect()
			for i := range n {
				require.NotNil(t, values[i].Value(), "what is held is in memory")
				require.NotNil(t, names[i].Value(), "and so is its name")
			}
			for i := range n {
				delete(docs, name(i))
				_, err := r.Refresh(t.Context(), name(i))
				require.ErrorIs(t, err, secrets.ErrNotFound)
				_, known, _ := r.Held()
				require.Equal(t, n-1-i, known)
			}
			time.Sleep(3 * time.Second) // until it is no longer remembered that they are missing
			collect()
			for i := range n {
				assert.Nil(t, values[i].Value(), "value %d", i)
				assert.Nil(t, names[i].Value(), "name %d", i)
			}
			docs[name(0)] = "again"
			assert.Equal(t, "again", spectest.Get(t, r, name(0)))
			documents, known, _ := r.Held()
			assert.Equal(t, 2, documents+known)
		}))
	}
}

func TestADeletedSecretLeavesMemory(t *testing.T) {
	t.Run("soon, however many others are held", spectest.Bubble(func(t *testing.T) {
		names, _ := spectest.Many(9)
		r, p := spectest.Polled(t, nil)
		for _, name := range names {
			p.Set(name, fmt.Sprintf("%064s", name))
		}
		for range 4 { // so that they are where Get looks first
			for _, name := range names {
				spectest.Get(t, r, name)
			}
		}
		gone := placeOf(spectest.Get(t, r, "s3"))
		p.Delete("s3")
		_, err := r.Refresh(t.Context(), "s3")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		time.Sleep(3 * time.Second) // until the goroutine that has read has ended
		collect()
		assert.Nil(t, gone.Value())
		assert.Equal(t, fmt.Sprintf("%064s", "s4"), spectest.Get(t, r, "s4"))
	}))
}

// largeDocument is an object of some 512 KiB.
func largeDocument(version int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"a":"%d"`, version)
	for i := 0; b.Len() < 512<<10; i++ {
		fmt.Fprintf(&b, `,"key%d":"value-%d"`, i, i)
	}
	b.WriteString("}")
	return b.String()
}

func TestALargeDocumentOfWhichAFieldIsHeldIsParsedWithoutTheLock(t *testing.T) {
	t.Parallel()
	text := largeDocument(1)
	r := spectest.On(t, spectest.NewPolled(map[string]string{"doc": text, "all": text}))
	for name, ahead := range map[string]bool{"doc#a": true, "all": false} {
		_, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, ahead, r.ParsedAhead(name, []byte(text)), "%s, large", name)
		assert.False(t, r.ParsedAhead(name, []byte(`{"a":"x"}`)), "%s, small", name)
	}
	r = spectest.On(t, spectest.NewPolled(map[string]string{"db": text}))
	_, err := r.Get(t.Context(), "db/a")
	require.NoError(t, err)
	assert.True(t, r.ParsedAhead("db/a", []byte(text)), "the field of a parent")
}

func BenchmarkHostileDocument(b *testing.B) {
	p := spectest.NewPolled(map[string]string{"doc": largeDocument(0)})
	r := spectest.On(b, p)
	_, err := r.Get(b.Context(), "doc#a")
	require.NoError(b, err)
	var most, rounds atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Microsecond):
				most.Store(max(most.Load(), int64(r.WaitForLock())))
				rounds.Add(1)
			}
		}
	}()
	var waits []int64
	for i := 1; b.Loop(); i++ {
		p.Set("doc", largeDocument(i))
		most.Store(0)
		_, err := r.Refresh(b.Context(), "doc#a")
		require.NoError(b, err)
		for seen := rounds.Load(); rounds.Load() < seen+2; { // who waited has told
			runtime.Gosched()
		}
		waits = append(waits, most.Load())
	}
	close(stop)
	<-stopped
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2])/1e6, "ms-locked/median")
}
