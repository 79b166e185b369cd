package references

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestReferences(t *testing.T) {
	// moved opens a chain of one provider, where every name is "chain", with
	// references to another.
	moved := func(t *testing.T, references, docs map[string]string) (*secrets.Resolver, *spectest.Fake) {
		f := spectest.NewFake(docs)
		for k, v := range references {
			references[k] = f.Scheme + "://" + v
		}
		chain := spectest.NewPolled(nil)
		for _, name := range []string{"stripe/key", "stripe", "db", "db/password", "legacy/a", "legacy/new/b", "legacy", "other"} {
			chain.Set(name, `{"key":"chain","password":"chain"}`)
		}
		return spectest.Open(t, spectest.Scheme(t, chain)+"://", secrets.WithReferences(references)), f
	}
	t.Run("say where one name is", spectest.Bubble(func(t *testing.T) {
		r, f := moved(t, map[string]string{"stripe/key": "prod/stripe?version=2#key"}, map[string]string{"prod/stripe@2": `{"key":"sk"}`})
		assert.Equal(t, "sk", spectest.Get(t, r, "stripe/key"))
		asked := f.Asks()
		require.Len(t, asked, 1)
		assert.Empty(t, asked[0].Base)
		assert.Equal(t, "prod/stripe", asked[0].Path)
		assert.False(t, asked[0].IsName())
		s, err := r.Get(t.Context(), "stripe/key")
		require.NoError(t, err)
		assert.Equal(t, "stripe/key", s.Name(), "the name is the app's")
	}))
	t.Run("to a whole document have its fields by # and by /", spectest.Bubble(func(t *testing.T) {
		r, f := moved(t, map[string]string{"db": "prod/db"}, map[string]string{"prod/db": `{"user":"u","password":"p"}`})
		assert.Equal(t, "p", spectest.Get(t, r, "db#password"))
		assert.Equal(t, "u", spectest.Get(t, r, "db/user"))
		assert.Equal(t, "p", spectest.Get(t, r, "db/password"), "not the chain's")
		assert.Len(t, f.Asks(), 1)
	}))
	t.Run("do not fall through to the chain", spectest.Bubble(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"stripe/key": "prod/stripe", "legacy/": "old"}, nil)
		for _, name := range []string{"stripe/key", "legacy/a", "legacy/new/b"} {
			_, err := r.Get(t.Context(), name)
			assert.ErrorIs(t, err, secrets.ErrNotFound, name)
		}
		assert.Contains(t, spectest.Get(t, r, "other"), "chain")
	}))
	t.Run("that end in a slash move all names below, which are searched for there", spectest.Bubble(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"legacy/": "old"}, map[string]string{"old/a": "1", "old/db": `{"password":"2"}`})
		assert.Equal(t, "1", spectest.Get(t, r, "legacy/a"))
		assert.Equal(t, "2", spectest.Get(t, r, "legacy/db/password"))
		assert.Equal(t, "2", spectest.Get(t, r, "legacy/db#password"))
		assert.Contains(t, spectest.Get(t, r, "legacy"), "chain", "the name itself is not below itself")
	}))
	t.Run("go by the exact key first, then the longest", spectest.Bubble(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"legacy/": "short", "legacy/new/": "long", "legacy/new/b": "exact"},
			map[string]string{"short/a": "short", "short/new/b": "wrong", "long/c": "long", "long/b": "wrong", "exact": "exact"})
		assert.Equal(t, "short", spectest.Get(t, r, "legacy/a"))
		assert.Equal(t, "long", spectest.Get(t, r, "legacy/new/c"))
		assert.Equal(t, "exact", spectest.Get(t, r, "legacy/new/b"))
	}))
	t.Run("that name a field refuse a name that does, too", spectest.Bubble(func(t *testing.T) {
		r, f := moved(t, map[string]string{"stripe/key": "prod/stripe#key"}, nil)
		_, err := r.Get(t.Context(), "stripe/key#other")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, f.Asks())
	}))
	t.Run("read one document once, whatever the fields of them", spectest.Bubble(func(t *testing.T) {
		r, f := moved(t, map[string]string{"user": "prod/db#user", "pass": "prod/db#password", "whole": "prod/db"},
			map[string]string{"prod/db": `{"user":"u","password":"p"}`})
		assert.Equal(t, "u", spectest.Get(t, r, "user"))
		assert.Equal(t, "p", spectest.Get(t, r, "pass"))
		assert.NotEmpty(t, spectest.Get(t, r, "whole"))
		assert.Len(t, f.Asks(), 1)
	}))
	t.Run("to other versions are other documents", spectest.Bubble(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"now": "db", "before": "db?version=1"}, map[string]string{"db": "two", "db@1": "one"})
		assert.Equal(t, "two", spectest.Get(t, r, "now"))
		assert.Equal(t, "one", spectest.Get(t, r, "before"))
	}))
	t.Run("may be all there is", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"x": "1"})
		r, err := secrets.OpenConfig(t.Context(), secrets.Config{References: map[string]string{"a": f.Scheme + "://x"}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
		_, err = r.Get(t.Context(), "b")
		assert.ErrorIs(t, err, secrets.ErrNotFound)
	}))
	t.Run("are not what a name can be: input chooses no backend", spectest.Bubble(func(t *testing.T) {
		r, f := moved(t, nil, map[string]string{"x": "1"})
		_, err := r.Get(t.Context(), f.Scheme+"://x")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, f.Openings())
	}))
	t.Run("are followed and preloaded with the names of the chain", spectest.Bubble(func(t *testing.T) {
		r, f := moved(t, map[string]string{"stripe/key": "prod/stripe"}, map[string]string{"prod/stripe": "sk1"})
		require.NoError(t, r.Preload(t.Context(), "stripe/key", "other"))
		w := spectest.Watch(t, r, "stripe/key")
		f.Store.Set("prod/stripe", "sk2")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"sk1", "sk2"}, w.All())
	}))
}

func TestAReferenceIsNoName(t *testing.T) {
	_, err := secrets.New(secretstest.NewProvider(nil)).Get(t.Context(), "vault://user:hunter2@host/db")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "this is a reference, and Get takes names")
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestAFieldOfANameBelowAReferenceIsNotTheReferences(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		chain := spectest.NewPolled(map[string]string{"db/password": `{"part":"the chain's"}`})
		there := spectest.NewPolled(map[string]string{"prod/db": `{"password":"p"}`})
		r := spectest.Open(t, spectest.Scheme(t, chain)+"://", secrets.WithReferences(map[string]string{"db": spectest.Scheme(t, there) + "://prod/db"}))
		assert.Equal(t, "p", spectest.Get(t, r, "db/password"))
		assert.Equal(t, "the chain's", spectest.Get(t, r, "db/password#part"))
	})(t)
}

func TestPointerIntoADocumentThatAReferenceNames(t *testing.T) {
	t.Run("is followed, and costs no read beside those of its keys", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Referring(t, map[string]string{"db": "prod/db"})
		p.Set("prod/db", `{"a":{"b":"by pointer"},"c":"by key"}`)
		assert.Equal(t, "by pointer", spectest.Get(t, r, "db#/a/b"))
		assert.Equal(t, "by key", spectest.Get(t, r, "db/c"))
		assert.Equal(t, 1, p.Reads("prod/db"))
	}))
}
