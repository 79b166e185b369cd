package search

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// chained opens a chain of providers in memory, by New or by Open, which must
// not differ.
func chained(t *testing.T, what string, f func(t *testing.T, chain func(ps ...*secretstest.Provider) *secrets.Resolver)) {
	t.Run(what+" (Chain)", spectest.Bubble(func(t *testing.T) {
		f(t, func(ps ...*secretstest.Provider) *secrets.Resolver {
			all := make([]secrets.Provider, len(ps))
			for i, p := range ps {
				all[i] = p
			}
			return spectest.On(t, secrets.Chain(all...))
		})
	}))
	t.Run(what+" (Open)", spectest.Bubble(func(t *testing.T) {
		f(t, func(ps ...*secretstest.Provider) *secrets.Resolver {
			var uris string
			for _, p := range ps {
				uris += spectest.Scheme(t, p) + ":// "
			}
			r, err := secrets.Open(t.Context(), uris, secrets.WithLogger(nil))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, r.Close()) })
			return r
		})
	}))
}

type chainOf = func(ps ...*secretstest.Provider) *secrets.Resolver

func TestSearchInAChain(t *testing.T) {
	chained(t, "a member's parent document goes before a later member's exact one", func(t *testing.T, chain chainOf) {
		local := spectest.NewPolled(map[string]string{"db": `{"password":"local"}`})
		later := spectest.NewPolled(map[string]string{"db/password": "later"})
		assert.Equal(t, "local", spectest.Get(t, chain(local, later), "db/password"))
		assert.Zero(t, later.Calls().Reads, "the later member is not asked")
	})
	chained(t, "a parent that is no object is not found in its member", func(t *testing.T, chain chainOf) {
		local := spectest.NewPolled(map[string]string{"db": "just text"})
		later := spectest.NewPolled(map[string]string{"db/password": "later"})
		assert.Equal(t, "later", spectest.Get(t, chain(local, later), "db/password"))
	})
	chained(t, "a parent that lacks the key is not found in its member", func(t *testing.T, chain chainOf) {
		local := spectest.NewPolled(map[string]string{"db": `{"user":"app"}`})
		later := spectest.NewPolled(map[string]string{"db": `{"password":"later"}`})
		assert.Equal(t, "later", spectest.Get(t, chain(local, later), "db/password"))
	})
	chained(t, "each member runs the whole search before the next is asked", func(t *testing.T, chain chainOf) {
		one, two, three := spectest.NewPolled(nil), spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"db": `{"password":"three"}`})
		assert.Equal(t, "three", spectest.Get(t, chain(one, two, three), "db/password"))
		for _, p := range []*secretstest.Provider{one, two, three} {
			assert.Equal(t, 1, p.Reads("db/password"))
			assert.Equal(t, 1, p.Reads("db"))
		}
	})
	chained(t, "a name with a field falls through when the first member's document lacks it", func(t *testing.T, chain chainOf) {
		local := spectest.NewPolled(map[string]string{"db": `{"user":"app"}`})
		later := spectest.NewPolled(map[string]string{"db": `{"password":"later"}`})
		assert.Equal(t, "later", spectest.Get(t, chain(local, later), "db#password"))
	})
	chained(t, "a name that no member has is not found, and the error tells every place", func(t *testing.T, chain chainOf) {
		_, err := chain(spectest.NewPolled(nil), spectest.NewPolled(nil)).Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NotErrorIs(t, err, secrets.ErrUnavailable)
	})
	for _, class := range []error{secrets.ErrUnauthenticated, secrets.ErrPermission, secrets.ErrInvalid, secrets.ErrUnavailable, secrets.ErrThrottled} {
		chained(t, "the first failure that is not NotFound stops it: "+class.Error(), func(t *testing.T, chain chainOf) {
			one, two, three := spectest.NewPolled(nil), spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"db": "three"})
			two.Fail(secretstest.All, class)
			_, err := chain(one, two, three).Get(t.Context(), "db")
			assert.ErrorIs(t, err, class)
			assert.NotErrorIs(t, err, secrets.ErrNotFound, "the first member's answer is not the class")
			assert.Zero(t, three.Calls().Reads)
		})
	}
	t.Run("the failure that stops it is told with its member", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(nil)
		two.Fail("db", secrets.ErrUnauthenticated)
		a, b := spectest.Scheme(t, one), spectest.Scheme(t, two)
		r, err := secrets.Open(t.Context(), a+"://base "+b+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		_, err = r.Get(t.Context(), "db")
		assert.ErrorContains(t, err, b+"://db")

		_, err = spectest.On(t, secrets.Chain(spectest.NewPolled(nil), two)).Get(t.Context(), "db")
		assert.ErrorContains(t, err, "member 2")
	}))
	chained(t, "a least-privilege member may deny a name and still have its parent", func(t *testing.T, chain chainOf) {
		strict, later := spectest.NewPolled(map[string]string{"db": `{"password":"strict"}`}), spectest.NewPolled(map[string]string{"db/password": "later"})
		strict.Fail("db/password", secrets.ErrPermission)
		assert.Equal(t, "strict", spectest.Get(t, chain(strict, later), "db/password"))
	})
	chained(t, "a member that denies everything stops it, and so goes last", func(t *testing.T, chain chainOf) {
		strict, other := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"db/password": "other"})
		strict.Fail(secretstest.All, secrets.ErrPermission)
		_, err := chain(strict, other).Get(t.Context(), "db/password")
		assert.ErrorIs(t, err, secrets.ErrPermission)
		assert.Equal(t, "other", spectest.Get(t, chain(other, strict), "db/password"))
	})
	chained(t, "a refresh asks the member that answered, and no other", func(t *testing.T, chain chainOf) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"db": "two"})
		r := chain(one, two)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		one.ResetCalls()
		two.Set("db", "new")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, "new", spectest.Get(t, r, "db"))
		assert.Zero(t, one.Calls().Reads)
	})
	chained(t, "a name that goes from its member is searched for from the first member on", func(t *testing.T, chain chainOf) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"db": "two"})
		r := chain(one, two)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		two.Delete("db")
		one.Set("db", "one")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	})
	chained(t, "Preload of a hundred names is a batch for each member and try", func(t *testing.T, chain chainOf) {
		one, two := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"b": "2", "c": `{"d":"3"}`})
		r := chain(one, two)
		require.NoError(t, r.Preload(t.Context(), "a", "b", "c/d"))
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
		assert.Equal(t, "3", spectest.Get(t, r, "c/d"))
		assert.LessOrEqual(t, one.Calls().Batches+one.Calls().Fetches, 1)
		assert.LessOrEqual(t, two.Calls().Batches+two.Calls().Fetches, 1)
		assert.Zero(t, two.Reads("a"))
	})
	chained(t, "Preload tells the failure of one name and keeps the others", func(t *testing.T, chain chainOf) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"b": "2", "d": `{"e":"4"}`})
		one.Fail("a", secrets.ErrPermission)
		one.Fail("c", secrets.ErrUnauthenticated)
		r := chain(one, two)
		err := r.Preload(t.Context(), "a", "b", "c", "d/e", "a/b")
		assert.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
		assert.Equal(t, "4", spectest.Get(t, r, "d/e"))
		assert.Zero(t, two.Reads("a"))
		assert.Zero(t, two.Reads("c"))
	})
	t.Run("of no members has nothing", spectest.Bubble(func(t *testing.T) {
		r := spectest.On(t, secrets.Chain())
		_, err := r.Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorIs(t, r.Preload(t.Context(), "db", "api/key"), secrets.ErrNotFound)
	}))
	t.Run("in a chain is searched as its members are", spectest.Bubble(func(t *testing.T) {
		one, two, three := spectest.NewPolled(map[string]string{"db": `{"password":"one"}`}), spectest.NewPolled(map[string]string{"db/password": "two"}), spectest.NewPolled(nil)
		r := spectest.On(t, secrets.Chain(three, secrets.Chain(one, nil, two)))
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
	}))
	t.Run("lists what all members have, each name once", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"db/a": "", "x": ""}), spectest.NewPolled(map[string]string{"db/a": "", "db/b": ""})
		names, err := spectest.Listed(spectest.On(t, secrets.Chain(one, two)).List(t.Context(), "db/"))
		assert.NoError(t, err)
		assert.Equal(t, []string{"db/a", "db/b"}, names)
	}))
	t.Run("lists the others when a member cannot, and says so", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"db/a": ""}), spectest.NewPolled(map[string]string{"db/b": ""})
		one.Disable(secretstest.List)
		names, err := spectest.Listed(spectest.On(t, secrets.Chain(one, two)).List(t.Context(), "db/"))
		assert.Equal(t, []string{"db/b"}, names)
		assert.ErrorIs(t, err, secrets.ErrInvalid)
	}))
}
