package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestColdGet(t *testing.T) {
	t.Run("of ten thousand goroutines is one read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Delay("db", 10*time.Millisecond)
		var wg sync.WaitGroup
		var wrong atomic.Int32
		for range 10_000 {
			wg.Go(func() {
				if s, err := r.Get(t.Context(), "db"); err != nil || s.Reveal() != "one" {
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, wrong.Load())
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("survives the cancellation of the one who asked first", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		release := p.Block("db")
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := r.Get(ctx, "db")
			first <- err
		}()
		synctest.Wait()
		second := make(chan error)
		go func() {
			_, err := r.Get(t.Context(), "db")
			second <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		release()
		require.NoError(t, <-second)
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("goes on after every caller has left, so that the impatient get a value in the end", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`})
		p.Delay(secretstest.All, 300*time.Millisecond)
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			s, err := r.Get(ctx, "db/password")
			cancel()
			if err == nil {
				assert.Equal(t, "one", s.Reveal())
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, i, 20)
		}
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("tries until the timeout when the backend is unavailable, and tells its last word", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail("db", fmt.Errorf("%w: sealed", secrets.ErrUnavailable))
		start := time.Now()
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "sealed")
		assert.InDelta(t, 9*time.Second, time.Since(start), float64(time.Second+time.Millisecond))
		assert.InDelta(t, 16, p.Reads("db"), 9)
	}))

	t.Run("succeeds when the second try does", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.FailTimes("db", 1, secrets.ErrThrottled)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))

	t.Run("tells a caller whose deadline passes what the backend said, not the bare deadline", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTimeout(10*time.Second))
		p.Fail("db", &spectest.RetryAfterError{Err: fmt.Errorf("%w: sealed", secrets.ErrUnavailable), After: 2 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := r.Get(ctx, "db")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "sealed")
	}))

	t.Run("of a provider that hangs ends with the resolver's timeout and says so", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTimeout(3*time.Second))
		defer p.Block("db")()
		start := time.Now()
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.InDelta(t, 3, time.Since(start).Seconds(), 0.5)
	}))

	t.Run("of a provider that panics is an error without the panic's value, and not tried again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Panic("db", "hunter2")
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "panicked")
		assert.NotContains(t, err.Error(), "hunter2")
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("runs at most 32 reads of a provider, and callers who queue leave by their own context", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		defer p.Block(secretstest.All)()
		for i := range 100 {
			go func() { _, _ = r.Get(t.Context(), fmt.Sprint("name", i)) }()
		}
		synctest.Wait()
		assert.Equal(t, 32, p.Calls().InFlight)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := r.Get(ctx, "late")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		assert.Zero(t, p.Reads("late"))
	}))

	t.Run("of an empty value is a value, not a missing one", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": ""})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		assert.False(t, s.IsZero())
		assert.Empty(t, s.Reveal())
	}))

	t.Run("of a malformed name is an error before any read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		for _, name := range []string{"", "/db", "db/", "a//b", ".", "../x", "a/../b", "a/./b", "a\x00b", "db#", "#f"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrInvalid, "%q", name)
		}
		_, err := r.Get(t.Context(), "/db")
		assert.ErrorContains(t, err, "drop it, the base supplies it")
		assert.Zero(t, p.Calls().Reads)
	}))
}

func TestFields(t *testing.T) {
	docs := func() map[string]string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 100 {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, `"f%d":"v%d"`, i, i)
		}
		return map[string]string{"db": b.String() + "}"}
	}

	t.Run("a hundred fields by # are one read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs())
		for i := range 100 {
			assert.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, fmt.Sprint("db#f", i)))
		}
		assert.Equal(t, 1, p.Calls().Reads)
	}))

	t.Run("a hundred fields by / are one read of the document and an exact try each, once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs())
		for range 2 {
			for i := range 100 {
				assert.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, fmt.Sprint("db/f", i)))
			}
		}
		assert.Equal(t, 1, p.Reads("db"))
		assert.Equal(t, 101, p.Calls().Reads)
	}))

	t.Run("a pointer reaches into the document and an exact key goes before it", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": `{"a":{"b":["x",{"c":12345678901234567890}]},"/a/b":"key"}`})
		assert.Equal(t, "key", spectest.Get(t, r, "db#/a/b"))
		assert.Equal(t, "x", spectest.Get(t, r, "db#/a/b/0"))
		assert.Equal(t, "12345678901234567890", spectest.Get(t, r, "db#/a/b/1/c"))
	}))
}

func TestHeldGet(t *testing.T) {
	t.Run("allocates nothing", func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db/password": "one"})
		for range 3 {
			spectest.Get(t, r, "db/password")
		}
		ctx := t.Context()
		assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = r.Get(ctx, "db/password") }))
	})

	t.Run("is answered to a context that is done", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := r.Get(ctx, "db")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
	}))

	t.Run("of a thousand goroutines at the TTL is one read, and nobody waits", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		p.Delay("db", 500*time.Millisecond)
		p.Set("db", "two")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var waited atomic.Int32
		for range 1000 {
			wg.Go(func() {
				for ctx.Err() == nil {
					start := time.Now()
					if _, err := r.Get(ctx, "db"); err != nil || time.Since(start) > 0 {
						waited.Add(1)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(61 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		cancel()
		wg.Wait()
		assert.Equal(t, 2, p.Reads("db"))
		assert.Zero(t, waited.Load())
	}))

	t.Run("that is in use is not delayed by a backend that hangs", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		defer p.Block(secretstest.All)()
		for range 1000 {
			start := time.Now()
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Zero(t, time.Since(start))
			time.Sleep(100 * time.Millisecond)
		}
	}))

	t.Run("that was idle waits a second at most for a backend that hangs, once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(2 * time.Minute)
		reads := p.Reads("db")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, reads, p.Reads("db"), "an idle document is left alone")
		defer p.Block(secretstest.All)()
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, time.Second, time.Since(start))
		for range 300 {
			start = time.Now()
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Zero(t, time.Since(start), "after the first second nobody waits")
			time.Sleep(100 * time.Millisecond)
		}
	}))

	t.Run("that was idle is read again, and what it waits for is the new value", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(10 * time.Minute)
		p.Set("db", "two")
		p.Delay("db", 200*time.Millisecond)
		start := time.Now()
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 200*time.Millisecond, time.Since(start))
	}))

	t.Run("that was idle is not waited for by a context that is done", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(10*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(10 * time.Minute)
		p.Set("db", "two")
		p.Delay("db", 200*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		s, err := r.Get(ctx, "db")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
		assert.Zero(t, time.Since(start))
		time.Sleep(time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"), "the read went on")
	}))
}

func TestNoTTL(t *testing.T) {
	t.Run("keeps nothing: every Get reads", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 4, p.Reads("db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
		p.Fail("db", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
	}))

	t.Run("shares the read that is under way", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		p.Delay("db", time.Second)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = r.Get(t.Context(), "db") })
		}
		wg.Wait()
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

func TestOnDemand(t *testing.T) {
	t.Run("reads in the caller's path past the TTL, and has no goroutine", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		p.Set("db", "two")
		time.Sleep(30 * time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Reads("db"), "nothing is read while nobody asks")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("serves the held value when the backend fails, and leaves it alone between", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		spectest.Get(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		for range 600 {
			time.Sleep(time.Second)
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
		}
		assert.Less(t, p.Reads("db"), 120)
	}))
}

func TestFailingGetInALoop(t *testing.T) {
	for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrNotFound, errors.New("no class")} {
		t.Run("of a minute costs at most 150 reads: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, nil)
			p.Fail(secretstest.All, class)
			for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
				_, err := r.Get(t.Context(), "app/db")
				require.Error(t, err)
			}
			assert.LessOrEqual(t, p.Calls().Reads, 150)
			assert.Greater(t, p.Calls().Reads, 10, "it is tried again")
		}))
	}

	t.Run("is told how old the answer is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail(secretstest.All, secrets.ErrPermission)
		_, _ = r.Get(t.Context(), "db")
		time.Sleep(100 * time.Millisecond)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorContains(t, err, "as of 100ms ago")
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("does not keep Refresh from asking", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Set("db", "one")
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		s, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))
}

func TestPreload(t *testing.T) {
	t.Run("reads a hundred documents in one batch", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		var names []string
		for i := range 100 {
			name := fmt.Sprint("s", i)
			docs[name], names = "v", append(names, name)
		}
		r, p := spectest.Polled(t, docs)
		require.NoError(t, r.Preload(t.Context(), names...))
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Equal(t, 100, p.Calls().Reads)
		assert.Equal(t, "v", spectest.Get(t, r, "s42"))
		assert.Equal(t, 100, p.Calls().Reads)
	}))

	t.Run("tries names and their parents together, each parent once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "api/key": "k"})
		require.NoError(t, r.Preload(t.Context(), "db/user", "db/password", "api/key", "db/user"))
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Equal(t, 1, p.Reads("db"))
		assert.Equal(t, "p", spectest.Get(t, r, "db/password"))
	}))

	t.Run("joins every failure by name", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1"})
		p.Fail("b", secrets.ErrPermission)
		err := r.Preload(t.Context(), "a", "b", "c", "/bad")
		require.ErrorIs(t, err, secrets.ErrPermission)
		require.ErrorIs(t, err, secrets.ErrNotFound)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		for _, name := range []string{`"b"`, `"c"`, `"/bad"`} {
			assert.ErrorContains(t, err, name)
		}
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
	}))

	t.Run("goes on with the names of a later member when an earlier one has failed for another name", spectest.Bubble(func(t *testing.T) {
		first := secretstest.NewProvider(map[string]string{"x": "1"})
		second := secretstest.NewProvider(map[string]string{"a/b": "2"})
		first.Fail("c/d", secrets.ErrPermission)
		first.Fail("e", secrets.ErrUnavailable)
		r := secrets.New(secrets.Chain(first, second), secrets.WithLogger(nil))
		defer r.Close()
		err := r.Preload(t.Context(), "x", "a/b", "c/d", "e", "f/g")
		require.ErrorIs(t, err, secrets.ErrPermission)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, "2", spectest.Get(t, r, "a/b"))
		assert.Zero(t, second.Reads("c/d")+second.Reads("e"), "only what was not found goes on")
	}))

	t.Run("takes a short answer of a batch for a failure of all of it", spectest.Bubble(func(t *testing.T) {
		r := secrets.New(shortBatch{}, secrets.WithLogger(nil))
		defer r.Close()
		err := r.Preload(t.Context(), "a", "b")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "answered 1 of a batch of 2")
	}))
}

// shortBatch answers one of each batch.
type shortBatch struct{}

func (shortBatch) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	return secrets.Value{Data: []byte("x")}, nil
}

func (shortBatch) FetchBatch(_ context.Context, refs []secrets.Ref) []secrets.Result {
	return make([]secrets.Result, 1)
}
