package secrets_test

import (
	"context"
	"encoding/base64"
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

func TestResolversOwnURIOptions(t *testing.T) {
	t.Run("ttl: a document is read again within it, whatever WithTTL says", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"db": "1", "slow": "1"})
		r := spectest.Open(t, f.Scheme+"://?ttl=10s", secrets.WithTTL(time.Hour), secrets.WithReferences(map[string]string{"slow": f.Scheme + "://slow"}))
		spectest.Get(t, r, "db")
		spectest.Get(t, r, "slow")
		spectest.KeepUsing(t, r, "db", "slow")
		f.Store.Set("db", "2")
		f.Store.Set("slow", "2")
		time.Sleep(11 * time.Second)
		assert.Equal(t, "2", spectest.Get(t, r, "db"))
		assert.Equal(t, "1", spectest.Get(t, r, "slow"), "the other is at WithTTL's")
		assert.Len(t, f.Openings(), 1, "it does not make another provider")
	}))
	t.Run("decode: base64 of the alphabets in use, with and without padding and line breaks", spectest.Bubble(func(t *testing.T) {
		binary := "\x00\xfb\xff\xfe secret"
		f := spectest.NewFake(map[string]string{
			"std": base64.StdEncoding.EncodeToString([]byte(binary)), "url": base64.URLEncoding.EncodeToString([]byte(binary)),
			"raw": base64.RawStdEncoding.EncodeToString([]byte(binary)), "broken": "AAAA\nAAAA\n", "doc": `{"key":"` + base64.StdEncoding.EncodeToString([]byte(binary)) + `"}`,
			"not": "{not base64}",
		})
		r := spectest.Open(t, f.Scheme+"://?decode=base64")
		for _, name := range []string{"std", "url", "raw", "doc#key", "doc/key"} {
			assert.Equal(t, binary, spectest.Get(t, r, name), name)
		}
		assert.Equal(t, "\x00\x00\x00\x00\x00\x00", spectest.Get(t, r, "broken"))
		_, err := r.Get(t.Context(), "not")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.NotContains(t, err.Error(), "{not")
	}))
	t.Run("decode: what it makes of a document has fields", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"doc": base64.StdEncoding.EncodeToString([]byte(`{"key":"k"}`))})
		r := spectest.Open(t, f.Scheme+"://?decode=base64")
		s, err := r.Get(t.Context(), "doc")
		require.NoError(t, err)
		assert.JSONEq(t, `{"key":"k"}`, s.Reveal())
		key, err := s.Field("key")
		require.NoError(t, err)
		assert.Equal(t, "k", key.Reveal())
	}))
	t.Run("trim: one newline at the end, as editors leave it", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"lf": "a\n", "crlf": "a\r\n", "two": "a\n\n", "space": " a \n", "none": "a"})
		r := spectest.Open(t, f.Scheme+"://?trim=newline")
		for name, want := range map[string]string{"lf": "a", "crlf": "a", "two": "a\n", "space": " a ", "none": "a"} {
			assert.Equal(t, want, spectest.Get(t, r, name), name)
		}
		assert.Equal(t, "a\n", spectest.Get(t, spectest.Open(t, f.Scheme+"://"), "lf"), "nothing is trimmed unasked")
		assert.Equal(t, "a\n", spectest.Get(t, spectest.Open(t, f.Scheme+"://?trim=none"), "lf"))
	}))
	t.Run("trim and decode: base64 first", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": base64.StdEncoding.EncodeToString([]byte("a\n"))})
		assert.Equal(t, "a", spectest.Get(t, spectest.Open(t, f.Scheme+"://?trim=newline&decode=base64"), "a"))
	}))
	t.Run("search: each limits what is asked", spectest.Bubble(func(t *testing.T) {
		for search, asked := range map[string][]string{"exact": {"db/password"}, "parent": {"db"}, "both": {"db/password", "db"}} {
			f := spectest.NewFake(nil)
			_, err := spectest.Open(t, f.Scheme+"://?search="+search).Get(t.Context(), "db/password")
			assert.ErrorIs(t, err, secrets.ErrNotFound)
			var paths []string
			for _, ref := range f.Asks() {
				paths = append(paths, ref.Path)
			}
			assert.Equal(t, asked, paths, search)
		}
	}))
	t.Run("are given to a backend that names them itself", spectest.Bubble(func(t *testing.T) {
		var opened secrets.Ref
		name := spectest.NewScheme("trims")
		secrets.Register(name, secrets.Backend{Options: []string{"trim"}, Open: func(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
			opened = base
			return spectest.NewPolled(map[string]string{"a": "a\n"}), nil
		}})
		assert.Equal(t, "a\n", spectest.Get(t, spectest.Open(t, name+"://?trim=everything"), "a"))
		assert.Equal(t, map[string]string{"trim": "everything"}, opened.Options)
	}))
}

func TestSharedDocumentHasTheShortestTTL(t *testing.T) {
	for _, second := range []string{"plain", "fast"} {
		t.Run(second+" after one that is longer", spectest.Bubble(func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"db": `{"password":"p1","user":"u1"}`})
			p.Disable(secretstest.Watch)
			name := spectest.Scheme(t, p)
			r, err := secrets.Open(t.Context(), name+"://", secrets.WithLogger(nil), secrets.WithTTL(5*time.Minute), secrets.WithReferences(map[string]string{
				"slow":  name + "://db?ttl=10h#password",
				"plain": name + "://db#user",
				"fast":  name + "://db?ttl=1m#user",
			}))
			require.NoError(t, err)
			defer r.Close()
			require.Equal(t, "p1", spectest.Get(t, r, "slow"))
			require.Equal(t, "u1", spectest.Get(t, r, second))
			spectest.KeepUsing(t, r, second)
			p.Set("db", `{"password":"p2","user":"u2"}`)
			time.Sleep(6 * time.Minute)
			assert.Equal(t, "u2", spectest.Get(t, r, second))
		}))
	}
}
