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

// looks counts how often a resolver looks at its clock.
type looks struct{ n atomic.Int64 }

func (l *looks) option() secrets.Option {
	start := time.Now()
	return secrets.WithClock(
		func() time.Time { l.n.Add(1); return time.Now().Round(0) },
		func() time.Duration { l.n.Add(1); return time.Since(start) })
}

// during returns how often the resolver looked while f ran.
func (l *looks) during(f func()) int64 {
	synctest.Wait()
	before := l.n.Load()
	f()
	return l.n.Load() - before
}

func TestGetOfAHeldSecret(t *testing.T) {
	t.Run("looks at no clock", spectest.Bubble(func(t *testing.T) {
		for _, ttl := range []time.Duration{0, time.Minute} {
			var l looks
			r, p := spectest.Lent(t, secrets.WithTTL(ttl), l.option())
			p.Set("db", `{"user":"u"}`)
			names := []string{"creds", "creds#user", "creds/password"}
			if ttl > 0 {
				names = append(names, "db", "db#user", "db/user")
			}
			require.NoError(t, r.Preload(t.Context(), names...))
			get := func() {
				for _, name := range names {
					spectest.Get(t, r, name)
				}
			}
			for range 3 { // new names are found without a lock once they have been asked for as often as there are names
				get()
			}
			assert.Zero(t, l.during(get), "TTL %v", ttl)
			assert.NotZero(t, l.during(func() { _, _ = r.Get(t.Context(), "missing") }))

			spectest.KeepUsing(t, r, names...)
			time.Sleep(90 * time.Second)
			assert.Zero(t, l.during(get), "TTL %v, read or renewed since", ttl)

			p.Fail("db", secrets.ErrPermission)
			p.FailRenew(secrets.ErrUnavailable)
			time.Sleep(5*time.Minute + 30*time.Second)
			require.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "creds").State)
			assert.Zero(t, l.during(get), "TTL %v, stale", ttl)
			require.NoError(t, r.Close())
		}
	}))

	t.Run("on demand does, for nobody else would see that it is past its TTL", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), secrets.WithTTL(time.Minute))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		p.Set("db", "two")
		time.Sleep(time.Minute)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("with a TTL of zero reads, though somebody watches the name", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		spectest.Watch(t, r, "db")
		for _, v := range []string{"two", "three", "four"} {
			synctest.Wait() // or Get shares the read that the watch is about
			p.Set("db", v)
			assert.Equal(t, v, spectest.Get(t, r, "db"))
		}
	}))

	t.Run("waits for the read of what was rejected, by a name that is new, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"one"}`})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		p.Set("db", `{"user":"two"}`)
		p.Delay("db", 500*time.Millisecond)
		r.Invalidate(s)
		assert.Equal(t, "one", spectest.Get(t, r, "db#user"), "it is found in what is held")
		assert.Equal(t, "two", spectest.Get(t, r, "db#user"))
	}))
}

func TestWatchOfAFieldThatIsGone(t *testing.T) {
	t.Run("is left in peace by who follows it", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one","user":"u"}`}, l.option())
		spectest.Watch(t, r, "db/password")
		time.Sleep(time.Second)
		p.Fail("db/password", secrets.ErrUnavailable)
		p.Set("db", `{"user":"u"}`)
		time.Sleep(6 * time.Minute)
		assert.Less(t, l.during(func() { time.Sleep(time.Minute) }), int64(600), "the refresher looks each second")
	}))
}

func TestUseOfWhatWasIdleBeforeItIsDue(t *testing.T) {
	t.Run("before it is due has it refreshed when it is", spectest.Bubble(func(t *testing.T) {
		for range 100 {
			var l looks
			r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, secrets.WithTTL(10*time.Minute), secrets.WithIdle(time.Minute), l.option())
			p.Disable(secretstest.Batch) // which would have both due at the same time
			for range 3 {
				spectest.Get(t, r, "a")
				spectest.Get(t, r, "b")
			}
			time.Sleep(10 * time.Minute) // each is read once more, for it was used
			name, due := "b", spectest.StatusOf(t, r, "b").NextRead
			first := spectest.StatusOf(t, r, "a").NextRead
			if first.After(due) {
				name, due, first = "a", first, due
			}
			p.ResetCalls()
			// The refresher looks at documents that are due soon with those that are due, and marks them as idle.
			time.Sleep(time.Until(first) + time.Second)
			if time.Until(due) < time.Second || !spectest.StatusOf(t, r, name).NextRead.IsZero() {
				continue
			}
			spectest.Get(t, r, name)
			assert.Equal(t, due, spectest.StatusOf(t, r, name).NextRead)
			assert.Zero(t, l.during(func() { spectest.Get(t, r, name) }), "it is held, and in use")
			time.Sleep(time.Until(due) + time.Second)
			assert.Equal(t, 1, p.Reads(name))
			return
		}
		assert.Fail(t, "of two documents none was found to be idle before it was due")
	}))
}

func TestNewNameOfADocumentThatWasIdle(t *testing.T) {
	t.Run("is had without a look at the clock, though it was idle", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Referring(t, map[string]string{"slow": "db?ttl=1h", "fast": "db?ttl=30m"}, secrets.WithTTL(100*time.Hour), secrets.WithIdle(time.Minute), l.option())
		p.Set("db", "one")
		p.Set("other", "one")
		spectest.Watch(t, r, "other")
		synctest.Wait()
		spectest.SleepUntil(spectest.NextRead(t, r, "other").Add(-5 * time.Minute))
		spectest.Get(t, r, "slow")
		time.Sleep(5*time.Minute + 100*time.Millisecond)
		require.Equal(t, 2, p.Reads("other"))
		require.Zero(t, spectest.NextRead(t, r, "slow"), "it could have been read with the other, and was left alone")
		spectest.Get(t, r, "fast")
		assert.WithinRange(t, spectest.NextRead(t, r, "fast"), time.Now(), time.Now().Add(25*time.Minute))
		time.Sleep(time.Second) // by then the new name has its place
		assert.Zero(t, l.during(func() { spectest.Get(t, r, "fast") }))
	}))
}

func TestAWatchOnDemandLooksAtNoClock(t *testing.T) {
	t.Run("until the next read is due", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), l.option())
		spectest.Watch(t, r, "db")
		time.Sleep(time.Minute)
		assert.Zero(t, l.during(func() { time.Sleep(2 * time.Minute) }))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("as long when its version was rejected", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), l.option())
		spectest.Watch(t, r, "db")
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s) // the backend has nothing newer
		time.Sleep(6 * time.Minute)
		require.NotZero(t, spectest.StatusOf(t, r, "db").RejectedAt)
		assert.Zero(t, l.during(func() { time.Sleep(90 * time.Second) }))
	}))
}

// A Get that takes the lock would wait for ever here, and the bubble end.
func TestAHeldGetTakesNoLock(t *testing.T) {
	for name, opts := range map[string][]secrets.Option{
		"in the background": nil,
		"on demand":         {secrets.WithOnDemand()},
	} {
		t.Run(name, spectest.Bubble(func(t *testing.T) {
			p := spectest.NewPolled(map[string]string{"db": "one"})
			r := spectest.On(t, p, opts...)
			for range 3 { // until the name is in the map that is read without the lock
				_, err := r.Get(t.Context(), "db")
				require.NoError(t, err)
			}
			r.Locked(func() {
				s, err := r.Get(t.Context(), "db")
				require.NoError(t, err)
				assert.Equal(t, "one", s.Reveal())
			})
		}))
	}
}
