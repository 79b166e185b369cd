package secrets_test

import (
	"context"
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
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

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
