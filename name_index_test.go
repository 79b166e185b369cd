package secrets_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// allocated returns how many bytes f allocates, all goroutines counted.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestFindingNames(t *testing.T) {
	t.Run("takes no look at the clock once each was asked for a few times", in(func(t *testing.T) {
		names, docs := many(100)
		var looks atomic.Int64
		start := time.Now()
		r, _ := polled(t, docs, secrets.WithClock(
			func() time.Time { looks.Add(1); return time.Now() },
			func() time.Duration { looks.Add(1); return time.Since(start) },
		))
		value(t, r, "s0")
		synctest.Wait() // the refresher sleeps for the next second, which does not come
		for range 4 {
			for _, name := range names {
				value(t, r, name)
			}
		}
		synctest.Wait()
		looks.Store(0)
		for i, name := range names {
			require.Equal(t, fmt.Sprint("v", i), value(t, r, name))
		}
		assert.Zero(t, looks.Load())
	}))

	t.Run("copies what is known of the others now and then only, however many come", in(func(t *testing.T) {
		const n = 4000
		names, docs := many(n)
		r, _ := polled(t, docs)
		each := allocated(func() {
			for range 2 {
				for _, name := range names {
					value(t, r, name)
				}
			}
		}) / n
		assert.Less(t, each, uint64(20_000), "a copy for each new name is some 100,000 bytes")
	}))

	t.Run("costs nothing while nobody asks", in(func(t *testing.T) {
		const n = 2000
		names, docs := many(n)
		r, _ := polled(t, docs, secrets.WithTTL(time.Hour))
		for range 2 {
			for _, name := range names {
				value(t, r, name)
			}
		}
		time.Sleep(2 * time.Second)
		assert.Less(t, allocated(func() { time.Sleep(10 * time.Minute) }), uint64(1<<20), "a copy of all names each second is 50 MB")
	}))
}

// bytesOf returns what tells whether the bytes of a secret are still in memory.
func bytesOf(t testing.TB, r *secrets.Resolver, name string) weak.Pointer[byte] {
	t.Helper()
	return weak.Make(unsafe.StringData(value(t, r, name)))
}

// collect frees what nothing refers to. A first collection may still see what
// a stack has left behind.
func collect() {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
}

func TestDeletedSecretsLeaveMemory(t *testing.T) {
	for _, n := range []int{1, 2, 9} {
		t.Run(fmt.Sprintf("when the backend has deleted all %d of them", n), in(func(t *testing.T) {
			r, p := polled(t, nil)
			names, _ := many(n)
			for i, name := range names {
				p.Set(name, fmt.Sprintf("%064d", i)) // too long to share its place in memory with others
			}
			var held []weak.Pointer[byte]
			for range 4 { // so that they are where Get looks first
				held = nil
				for _, name := range names {
					held = append(held, bytesOf(t, r, name))
				}
			}
			collect()
			for i := range held {
				require.NotNil(t, held[i].Value(), "what is held is in memory")
			}
			for i, name := range names {
				p.Delete(name)
				_, err := r.Refresh(t.Context(), name)
				require.ErrorIs(t, err, secrets.ErrNotFound)
				_, known, _ := r.Held()
				require.Equal(t, n-1-i, known)
			}
			collect()
			for i := range held {
				assert.Nil(t, held[i].Value(), "number %d", i)
			}
			p.Set("s0", "again")
			_, err := r.Refresh(t.Context(), "s0")
			require.NoError(t, err)
			assert.Equal(t, "again", value(t, r, "s0"))
			documents, known, _ := r.Held()
			assert.Equal(t, 2, documents+known)
		}))
	}
}
