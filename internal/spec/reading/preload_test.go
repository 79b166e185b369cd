package reading

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// batches notes the sizes of the batches that it passes on.
type batches struct {
	*secretstest.Provider

	mu    sync.Mutex
	sizes []int
}

func (b *batches) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	b.mu.Lock()
	b.sizes = append(b.sizes, len(refs))
	b.mu.Unlock()
	return b.Provider.FetchBatch(ctx, refs)
}

func TestPreload(t *testing.T) {
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

func TestPreloadOfMany(t *testing.T) {
	t.Run("reads each once, in batches of at most a hundred, and nothing besides", spectest.Bubble(func(t *testing.T) {
		for n, want := range map[int][]int{2: {2}, 99: {99}, 100: {100}, 102: {2, 100}, 200: {100, 100}, 250: {50, 100, 100}} {
			names, docs := spectest.Many(n)
			p := &batches{Provider: spectest.NewPolled(docs)}
			reads := 0
			r := secrets.New(p, secrets.WithLogger(nil), secrets.WithObserver(func(_ context.Context, e secrets.Event) {
				if e.Kind == secrets.EventRead {
					p.mu.Lock()
					defer p.mu.Unlock()
					reads++
				}
			}))
			require.NoError(t, r.Preload(t.Context(), names...))
			synctest.Wait()
			assert.ElementsMatch(t, want, p.sizes)
			assert.Equal(t, len(want), reads, "calls that the observer is told of")
			assert.Equal(t, n, p.Calls().Reads)
			for i, name := range names {
				require.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, name))
			}
			assert.Equal(t, n, p.Calls().Reads)
			require.NoError(t, r.Close())
		}
	}))

	t.Run("keeps 32 reads in flight where the provider knows no batches", spectest.Bubble(func(t *testing.T) {
		names, docs := spectest.Many(101)
		p := spectest.NewPolled(docs)
		release := p.Block(secretstest.All)
		defer release()
		r := spectest.On(t, spectest.Singly(p))
		done := make(chan error)
		go func() { done <- r.Preload(t.Context(), names...) }()
		synctest.Wait()
		assert.Equal(t, 32, p.Calls().InFlight)
		release()
		require.NoError(t, <-done)
		assert.Equal(t, 32, p.Calls().MaxInFlight)
		assert.Equal(t, 101, p.Calls().Reads)
	}))

	t.Run("that its caller leaves while it waits for its turn reads nothing, then or later", spectest.Bubble(func(t *testing.T) {
		names, docs := spectest.Many(40)
		p := spectest.NewPolled(docs)
		release := p.Block(secretstest.All)
		defer release()
		r := spectest.On(t, spectest.Singly(p))
		for i := range 32 {
			go func() { _, _ = r.Get(t.Context(), fmt.Sprint("other", i)) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Preload(ctx, names...), context.DeadlineExceeded)
		synctest.Wait()
		release()
		synctest.Wait()
		assert.Equal(t, 32, p.Calls().Reads, "of the others")
		require.NoError(t, r.Preload(t.Context(), names...), "what was given up is not remembered as a failure")
		assert.Equal(t, 32+40, p.Calls().Reads)
	}))

	t.Run("fails for all when the backend cannot be opened, and the next one opens it again", spectest.Bubble(func(t *testing.T) {
		names, docs := spectest.Many(3)
		f := spectest.NewFake(docs)
		f.FailOpenings(errors.New("no credentials"))
		r := spectest.Open(t, f.Scheme+"://")
		err := r.Preload(t.Context(), names...)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		for _, name := range names {
			assert.ErrorContains(t, err, name)
		}
		f.FailOpenings(nil)
		time.Sleep(5 * time.Second)
		require.NoError(t, r.Preload(t.Context(), names...))
	}))
}

func TestPreloadOfWhichSomeFailForAMoment(t *testing.T) {
	// The names that fail once are among others wherever a list has its ends
	// and its middle.
	for _, fail := range [][]string{{"s0"}, {"s5"}, {"s2"}, {"s0", "s1", "s5"}, {"s1", "s3", "s4"}, {"s0", "s1", "s2", "s3", "s4", "s5"}} {
		t.Run(fmt.Sprintf("reads only these again, and the others are had at once: %v", fail), spectest.Bubble(func(t *testing.T) {
			names, docs := spectest.Many(6)
			r, p := spectest.Polled(t, docs)
			failing := make(map[string]bool)
			for _, name := range fail {
				failing[name] = true
				p.FailTimes(name, 1, secretstest.Throttled(5*time.Second))
			}
			done := make(chan error)
			go func() { done <- r.Preload(t.Context(), names...) }()
			start := time.Now()
			synctest.Wait()
			for i, name := range names {
				if !failing[name] {
					assert.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, name))
				}
			}
			assert.Zero(t, time.Since(start))
			require.NoError(t, <-done)
			assert.Equal(t, 5*time.Second, time.Since(start))
			for i, name := range names {
				assert.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, name))
				want := 1
				if failing[name] {
					want = 2
				}
				assert.Equal(t, want, p.Reads(name), name)
			}
		}))
	}

	t.Run("tells of each what the backend said of it, when time runs out for some", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1"})
		p.FailTimes("b", 1, fmt.Errorf("%w: sealed", secrets.ErrThrottled))
		hang := func(ctx context.Context) (secrets.Value, error) {
			<-ctx.Done()
			return secrets.Value{}, ctx.Err()
		}
		p.SetFunc("b", hang)
		err := r.Preload(t.Context(), "a", "b", "c")
		require.ErrorIs(t, err, secrets.ErrThrottled)
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "sealed")
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
	}))
}
