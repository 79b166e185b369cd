package search

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// A wrapper hides that the provider in it is a chain, and has all its
// capabilities, as somebody's metrics or audit would.
type wrapper struct {
	inner interface {
		secrets.BatchProvider
		secrets.ListProvider
		secrets.WatchProvider
		secrets.LeaseProvider
	}
}

func (w wrapper) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	return w.inner.Fetch(ctx, ref)
}

func (w wrapper) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	return w.inner.FetchBatch(ctx, refs)
}

func (w wrapper) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return w.inner.List(ctx, prefix)
}

func (w wrapper) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	return w.inner.Watch(ctx, ref, changed)
}

func (w wrapper) Renew(ctx context.Context, v secrets.Value) (secrets.Value, error) {
	return w.inner.Renew(ctx, v)
}

func (w wrapper) Revoke(ctx context.Context, v secrets.Value) error { return w.inner.Revoke(ctx, v) }

func wrapped(ps ...secrets.Provider) wrapper {
	return wrapper{secrets.Chain(ps...).(interface {
		secrets.BatchProvider
		secrets.ListProvider
		secrets.WatchProvider
		secrets.LeaseProvider
	})}
}

func TestChainBehindAWrapper(t *testing.T) {
	t.Run("reads from the first member that has the document", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"a": "no", "b": "2"})
		r := spectest.On(t, wrapped(one, two))
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
		_, err := r.Get(t.Context(), "c")
		assert.ErrorIs(t, err, secrets.ErrNotFound)
	}))
	t.Run("stops at the first failure that is not NotFound, told with its member, its class and its Retry-After", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"a": "2"})
		one.Fail("a", secretstest.Throttled(7*time.Second))
		_, err := wrapped(spectest.NewPolled(nil), one, two).Fetch(t.Context(), secrets.Ref{Path: "a"})
		assert.ErrorIs(t, err, secrets.ErrThrottled)
		assert.ErrorContains(t, err, "member 2")
		var after interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, err, &after)
		assert.Equal(t, 7*time.Second, after.RetryAfter())
		assert.Zero(t, two.Calls().Reads)
	}))
	t.Run("passes batches on, asking each member only for what those before it have not", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1", "b": "1"}), spectest.NewPolled(map[string]string{"c": "2", "d": "2"})
		one.Fail("e", secrets.ErrPermission)
		var refs []secrets.Ref
		for _, path := range []string{"c", "a", "nowhere", "d", "e", "b", "a"} {
			refs = append(refs, secrets.Ref{Path: path})
		}
		results := wrapped(one, two).FetchBatch(t.Context(), refs)
		var got []string
		for _, res := range results {
			got = append(got, string(res.Value.Data))
		}
		assert.Equal(t, []string{"2", "1", "", "2", "", "1", "1"}, got)
		assert.ErrorIs(t, results[2].Err, secrets.ErrNotFound)
		assert.ErrorIs(t, results[4].Err, secrets.ErrPermission)
		assert.ErrorContains(t, results[4].Err, "member 1")
		assert.Equal(t, 1, one.Calls().Batches)
		assert.Equal(t, 1, two.Calls().Batches)
		assert.Equal(t, 3, two.Calls().Reads)
	}))
	t.Run("reads singly from members that have no batches, or say so in a Result", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"b": "2", "c": "2"})
		two.Disable(secretstest.Batch)
		results := wrapped(spectest.Singly(one), two).FetchBatch(t.Context(), []secrets.Ref{{Path: "a"}, {Path: "b"}, {Path: "c"}})
		for _, res := range results {
			assert.NoError(t, res.Err)
		}
		assert.Equal(t, 2, two.Calls().Fetches)
	}))
	t.Run("passes lists on, each name once", spectest.Bubble(func(t *testing.T) {
		names, err := spectest.Listed(wrapped(spectest.NewPolled(map[string]string{"a": "", "b": ""}), spectest.NewPolled(map[string]string{"b": "", "c": ""})).List(t.Context(), ""))
		assert.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, names)
	}))
	t.Run("lists those that can and says last that others cannot", spectest.Bubble(func(t *testing.T) {
		cannot := spectest.NewPolled(map[string]string{"z": ""})
		cannot.Disable(secretstest.List)
		names, err := spectest.Listed(wrapped(spectest.Singly(spectest.NewPolled(nil)), spectest.NewPolled(map[string]string{"a": ""}), cannot, spectest.NewPolled(map[string]string{"b": ""})).List(t.Context(), ""))
		assert.Equal(t, []string{"a", "b"}, names)
		assert.ErrorContains(t, err, "member")
	}))
	t.Run("cannot list if no member can", spectest.Bubble(func(t *testing.T) {
		cannot := spectest.NewPolled(nil)
		cannot.Disable(secretstest.List)
		first := true
		for name, err := range wrapped(spectest.Singly(spectest.NewPolled(nil)), cannot).List(t.Context(), "") {
			assert.True(t, first)
			first = false
			assert.Empty(t, name)
			assert.ErrorIs(t, err, errors.ErrUnsupported)
		}
		assert.False(t, first)
	}))
	t.Run("ends a list at a member that fails", spectest.Bubble(func(t *testing.T) {
		down := spectest.NewPolled(nil)
		down.Fail(secretstest.All, secrets.ErrUnavailable)
		names, err := spectest.Listed(wrapped(spectest.NewPolled(map[string]string{"a": ""}), down).List(t.Context(), ""))
		assert.Equal(t, []string{"a"}, names)
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
	}))
	t.Run("passes watches on: a change in any member is seen at once", spectest.Bubble(func(t *testing.T) {
		one, two := secretstest.NewProvider(nil), secretstest.NewProvider(map[string]string{"a": "2"})
		r := spectest.On(t, wrapped(one, spectest.Singly(spectest.NewPolled(nil)), two))
		assert.Equal(t, "2", spectest.Get(t, r, "a"))
		synctest.Wait()
		two.Set("a", "2 new")
		synctest.Wait()
		assert.Equal(t, "2 new", spectest.Get(t, r, "a"))
		one.Set("a", "1")
		synctest.Wait()
		assert.Equal(t, "1", spectest.Get(t, r, "a"), "the first member has it now")
	}))
	t.Run("cannot watch if no member can", spectest.Bubble(func(t *testing.T) {
		err := wrapped(spectest.Singly(spectest.NewPolled(nil)), spectest.NewPolled(nil)).Watch(t.Context(), secrets.Ref{Path: "a"}, func() {})
		assert.ErrorIs(t, err, errors.ErrUnsupported)
	}))
	t.Run("renews and revokes a lease at the member that gave it", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(nil)
		spectest.Lend(two, "creds", 10*time.Minute, 5*time.Minute)
		r := secrets.New(wrapped(one, two), secrets.WithLogger(nil))
		first := spectest.Get(t, r, "creds")
		time.Sleep(11 * time.Minute)
		assert.Equal(t, first, spectest.Get(t, r, "creds"))
		assert.Equal(t, 1, two.Reads("creds"))
		assert.Equal(t, 2, two.Calls().Renewals)
		require.NoError(t, r.Close())
		assert.Equal(t, 1, two.Calls().Revocations)
		assert.Zero(t, two.Calls().Leases)
		assert.Zero(t, one.Calls().Renewals+one.Calls().Revocations)
	}))
	t.Run("says of a foreign lease that it cannot be renewed", spectest.Bubble(func(t *testing.T) {
		w := wrapped(spectest.NewPolled(nil))
		_, err := w.Renew(t.Context(), secrets.Value{Lease: "foreign"})
		assert.ErrorIs(t, err, errors.ErrUnsupported)
		assert.ErrorIs(t, w.Revoke(t.Context(), secrets.Value{Lease: "foreign"}), errors.ErrUnsupported)
	}))
}

// What a wrapper around Chain gets from each of its methods.
func TestAChainAnswersAsOneProvider(t *testing.T) {
	refs := func(paths ...string) (all []secrets.Ref) {
		for _, path := range paths {
			all = append(all, secrets.Ref{Path: path})
		}
		return all
	}
	t.Run("without members it has no document", func(t *testing.T) {
		empty := wrapped()
		_, err := empty.Fetch(t.Context(), secrets.Ref{Path: "a"})
		assert.ErrorIs(t, err, secrets.ErrNotFound)
		for _, res := range empty.FetchBatch(t.Context(), refs("a", "b")) {
			assert.ErrorIs(t, res.Err, secrets.ErrNotFound)
		}
	})
	t.Run("a value without a lease stays without one", func(t *testing.T) {
		leaser := spectest.NewPolled(map[string]string{"a": "1"})
		for _, member := range []secrets.Provider{leaser, spectest.Singly(leaser)} {
			w := wrapped(member)
			v, err := w.Fetch(t.Context(), secrets.Ref{Path: "a"})
			require.NoError(t, err)
			assert.Nil(t, v.Lease)
			for _, res := range w.FetchBatch(t.Context(), refs("a", "a")) {
				assert.Nil(t, res.Value.Lease)
			}
		}
	})
	t.Run("a lease of a member that cannot renew it is nobody's", func(t *testing.T) {
		p := spectest.NewPolled(nil)
		p.SetValue("a", secrets.Value{Data: []byte("1"), Lease: "of another"})
		w := wrapped(spectest.Singly(p))
		v, err := w.Fetch(t.Context(), secrets.Ref{Path: "a"})
		require.NoError(t, err)
		_, err = w.Renew(t.Context(), v)
		assert.ErrorIs(t, err, errors.ErrUnsupported)
	})
	t.Run("the last document that is missing is asked of the next member, too", func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"b": "2"})
		results := wrapped(one, two).FetchBatch(t.Context(), refs("a", "b"))
		require.NoError(t, results[1].Err)
		assert.Equal(t, "2", string(results[1].Value.Data))
		assert.Zero(t, two.Calls().Batches, "a single document needs no batch")
	})
	t.Run("two documents are one batch", func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"a": "1", "b": "2"})
		wrapped(p).FetchBatch(t.Context(), refs("a", "b"))
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Zero(t, p.Calls().Fetches)
	})
	t.Run("that a member has no lists is told as what it is", func(t *testing.T) {
		_, err := spectest.Listed(wrapped(spectest.Singly(spectest.NewPolled(nil))).List(t.Context(), ""))
		assert.ErrorIs(t, err, errors.ErrUnsupported)
		assert.ErrorContains(t, err, "member 1")
	})
	t.Run("it watches if one member does, and a member whose watch fails is told", func(t *testing.T) {
		cannot, can, fails := spectest.NewPolled(nil), secretstest.NewProvider(nil), secretstest.NewProvider(nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		assert.NoError(t, wrapped(cannot, can, spectest.Singly(cannot)).Watch(ctx, secrets.Ref{Path: "a"}, func() {}))
		done, end := context.WithCancel(t.Context())
		end()
		fails.Delay(secretstest.All, time.Hour)
		err := wrapped(cannot, fails).Watch(done, secrets.Ref{Path: "a"}, func() {})
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "member 2")
	})
	t.Run("where a member looks by itself instead of watching, the others watch", spectest.Bubble(func(t *testing.T) {
		can := secretstest.NewProvider(map[string]string{"a": "one"})
		ctx, cancel := context.WithCancel(t.Context())
		changes := 0
		err := wrapped(looking{can}, can).Watch(ctx, secrets.Ref{Path: "a"}, func() { changes++ })
		var polls interface{ PollsEvery() time.Duration }
		require.ErrorAs(t, err, &polls)
		assert.Equal(t, time.Minute, polls.PollsEvery())
		assert.ErrorContains(t, err, "member 1")
		can.Set("a", "two")
		synctest.Wait()
		assert.Equal(t, 1, changes)
		cancel()
		synctest.Wait()
	}))
}

// looking does not watch, and looks at its documents once a minute.
type looking struct{ secrets.Provider }

func (looking) Watch(context.Context, secrets.Ref, func()) error { return everyMinute{} }

type everyMinute struct{}

func (everyMinute) Error() string             { return "no watches left" }
func (everyMinute) PollsEvery() time.Duration { return time.Minute }
