package secrets_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretstest"
)

// A fake is a registered scheme that knows the provider options region and
// endpoint, and the document options version and stage. All its providers read
// from one store, and note what they are asked.
type fake struct {
	scheme string
	store  *secretstest.Provider

	mu     sync.Mutex
	opened []secrets.Ref
	asked  []secrets.Ref
	fail   error // of the next openings
}

func newFake(docs map[string]string) *fake {
	f := &fake{scheme: fmt.Sprintf("fake%d", schemes.Add(1)), store: quiet(docs)}
	secrets.Register(f.scheme, secrets.Backend{
		Options:         []string{"region", "endpoint"},
		DocumentOptions: []string{"version", "stage"},
		Open: func(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.opened = append(f.opened, base)
			if f.fail != nil {
				return nil, f.fail
			}
			return (*fakeProvider)(f), nil
		},
	})
	return f
}

// openings returns what the Opener was given, asks what Fetch was.
func (f *fake) openings() []secrets.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]secrets.Ref(nil), f.opened...)
}

func (f *fake) asks() []secrets.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]secrets.Ref(nil), f.asked...)
}

type fakeProvider fake

func (p *fakeProvider) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	p.mu.Lock()
	p.asked = append(p.asked, ref)
	p.mu.Unlock()
	if v := ref.Options["version"]; v != "" {
		ref.Path += "@" + v
	}
	return p.store.Fetch(ctx, ref)
}

func open(t testing.TB, uri string, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(t.Context(), uri, append([]secrets.Option{secrets.WithLogger(nil)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(nil)
	for what, uri := range map[string]string{
		"nothing":                     "",
		"spaces":                      "  \t\n",
		"no scheme":                   "prod/db",
		"a malformed scheme":          "9vault://x",
		"an unknown scheme":           "gopher://x",
		"a scheme that is not linked": "awssm://prod",
		"a field":                     f.scheme + "://prod#password",
		"an unknown option":           f.scheme + "://prod?colour=red",
		"an option twice":             f.scheme + "://prod?region=a&region=b",
		"an option without a value":   f.scheme + "://prod?region",
		"a malformed escape":          f.scheme + "://prod%zz",
		"a wrong ttl":                 f.scheme + "://?ttl=soon",
		"a ttl of zero":               f.scheme + "://?ttl=0s",
		"a negative ttl":              f.scheme + "://?ttl=-1s",
		"an unknown decoding":         f.scheme + "://?decode=rot13",
		"an unknown trim":             f.scheme + "://?trim=all",
		"an unknown search":           f.scheme + "://?search=deep",
		"a wrong second member":       f.scheme + ":// " + f.scheme + "://?colour=red",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r, err := secrets.Open(t.Context(), uri)
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			var e *secrets.Error
			assert.ErrorAs(t, err, &e)
			assert.Nil(t, r)
		})
	}
	assert.Empty(t, f.openings())

	t.Run("a scheme of this module that is not linked, with the import to add", func(t *testing.T) {
		t.Parallel()
		for scheme, path := range map[string]string{"vault": "vault", "awssm": "awssm", "ssm": "ssm", "gcp": "gcp"} {
			_, err := secrets.Open(t.Context(), scheme+"://x")
			assert.ErrorContains(t, err, fmt.Sprintf(`import _ "github.com/go-secrets/secrets/%s"`, path))
		}
	})
	t.Run("an unknown option, with the ones that are known", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.Open(t.Context(), f.scheme+"://x?colour=red")
		for _, known := range []string{`"colour"`, "region", "endpoint", "version", "stage", "ttl", "decode", "trim", "search"} {
			assert.ErrorContains(t, err, known)
		}
	})
	t.Run("a wrong member of several, with its place", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.Open(t.Context(), f.scheme+":// "+f.scheme+"://#x")
		assert.ErrorContains(t, err, "2")
	})
	t.Run("a credential, which it does not repeat", func(t *testing.T) {
		t.Parallel()
		c := canary.New()
		for _, uri := range []string{
			f.scheme + "://user:" + c + "@host/x",
			f.scheme + "://x?token=" + c,
			f.scheme + "://x?password=" + c,
			f.scheme + "://x?secret_id=" + c,
			f.scheme + "://x?endpoint=https://user:" + c + "@host",
			"unknown://user:" + c + "@host",
			"//user:" + c + "@host",
			f.scheme + "://x?ttl=" + c,
			f.scheme + "://x?decode=" + c,
			f.scheme + "://x?trim=" + c,
			f.scheme + "://x?search=" + c,
		} {
			_, err := secrets.Open(t.Context(), uri)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, canary.For(c).Error(err))
			_, err = secrets.Open(t.Context(), f.scheme+"://", secrets.WithReferences(map[string]string{"a": uri}))
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, canary.For(c).Error(err))
		}
	})
}

func TestOpen(t *testing.T) {
	t.Run("does no I/O, and opens a backend when it is first needed", in(func(t *testing.T) {
		f := newFake(map[string]string{"db": "one"})
		r := open(t, f.scheme+"://")
		synctest.Wait()
		assert.Empty(t, f.openings())
		assert.Equal(t, "one", value(t, r, "db"))
		assert.Len(t, f.openings(), 1)
	}))
	t.Run("is bounded by its context alone, which may end afterwards", in(func(t *testing.T) {
		f := newFake(map[string]string{"db": "one"})
		ctx, cancel := context.WithCancel(t.Context())
		r, err := secrets.Open(ctx, f.scheme+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		cancel()
		assert.Equal(t, "one", value(t, r, "db"))
		require.NoError(t, r.Close())
	}))
	t.Run("gives an Opener the provider options, and each read base, name and document options", in(func(t *testing.T) {
		f := newFake(map[string]string{"prod/db@3": "three"})
		r := open(t, f.scheme+"://prod?region=eu&version=3&ttl=1m")
		assert.Equal(t, "three", value(t, r, "db"))
		opened := f.openings()
		require.Len(t, opened, 1)
		assert.Equal(t, map[string]string{"region": "eu"}, opened[0].Options)
		assert.Empty(t, opened[0].Base+opened[0].Path+opened[0].Field)
		asked := f.asks()
		require.Len(t, asked, 1)
		assert.Equal(t, "prod", asked[0].Base)
		assert.Equal(t, "db", asked[0].Path)
		assert.Equal(t, map[string]string{"version": "3"}, asked[0].Options)
		assert.True(t, asked[0].IsName())
		assert.Equal(t, f.scheme, asked[0].Scheme)
	}))
	t.Run("shares a provider among all bases and references with its scheme and options", in(func(t *testing.T) {
		f := newFake(map[string]string{"a/x": "1", "b/y": "2", "z": "3", "w@2": "4", "v": "5"})
		r := open(t, f.scheme+"://a?region=eu&endpoint=e "+f.scheme+"://b?endpoint=e&region=eu",
			secrets.WithReferences(map[string]string{
				"z": f.scheme + "://z?region=eu&endpoint=e",
				"w": f.scheme + "://w?region=eu&endpoint=e&version=2",
				"v": f.scheme + "://v?region=us",
			}))
		for name, want := range map[string]string{"x": "1", "y": "2", "z": "3", "w": "4"} {
			assert.Equal(t, want, value(t, r, name))
		}
		assert.Len(t, f.openings(), 1)
		assert.Equal(t, "5", value(t, r, "v"))
		assert.Len(t, f.openings(), 2, "another region is another provider")
	}))
	t.Run("opens a provider once, however many ask", in(func(t *testing.T) {
		f := newFake(map[string]string{"a": "1", "b": "2", "c": "3"})
		r := open(t, f.scheme+"://")
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { value(t, r, string(rune('a'+i%3))) })
		}
		wg.Wait()
		assert.Len(t, f.openings(), 1)
	}))
	t.Run("tries a failed opening again when a secret is needed again", in(func(t *testing.T) {
		f := newFake(map[string]string{"db": "one"})
		f.fail = secrets.ErrUnauthenticated
		r := open(t, f.scheme+"://")
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		time.Sleep(time.Second)
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.Len(t, f.openings(), 2)
		f.mu.Lock()
		f.fail = nil
		f.mu.Unlock()
		time.Sleep(time.Second)
		assert.Equal(t, "one", value(t, r, "db"))
	}))
	t.Run("takes an Opener that panics, or returns nothing, for a failed opening", in(func(t *testing.T) {
		_, s := opener(t, func() (secrets.Provider, error) { panic("hunter2") })
		_, err := open(t, s+"://").Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.NotContains(t, err.Error(), "hunter2")
		_, s = opener(t, func() (secrets.Provider, error) { return nil, nil })
		_, err = open(t, s+"://").Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
	}))
	t.Run("opens no member that is not asked", in(func(t *testing.T) {
		one, two := newFake(map[string]string{"db": "one"}), newFake(nil)
		r := open(t, one.scheme+":// "+two.scheme+"://")
		value(t, r, "db")
		assert.Empty(t, two.openings())
	}))
}

func TestReferences(t *testing.T) {
	// moved opens a chain of one provider, where every name is "chain", with
	// references to another.
	moved := func(t *testing.T, references, docs map[string]string) (*secrets.Resolver, *fake) {
		f := newFake(docs)
		for k, v := range references {
			references[k] = f.scheme + "://" + v
		}
		chain := quiet(nil)
		for _, name := range []string{"stripe/key", "stripe", "db", "db/password", "legacy/a", "legacy/new/b", "legacy", "other"} {
			chain.Set(name, `{"key":"chain","password":"chain"}`)
		}
		return open(t, scheme(t, chain)+"://", secrets.WithReferences(references)), f
	}
	t.Run("say where one name is", in(func(t *testing.T) {
		r, f := moved(t, map[string]string{"stripe/key": "prod/stripe?version=2#key"}, map[string]string{"prod/stripe@2": `{"key":"sk"}`})
		assert.Equal(t, "sk", value(t, r, "stripe/key"))
		asked := f.asks()
		require.Len(t, asked, 1)
		assert.Empty(t, asked[0].Base)
		assert.Equal(t, "prod/stripe", asked[0].Path)
		assert.False(t, asked[0].IsName())
		s, err := r.Get(t.Context(), "stripe/key")
		require.NoError(t, err)
		assert.Equal(t, "stripe/key", s.Name(), "the name is the app's")
	}))
	t.Run("to a whole document have its fields by # and by /", in(func(t *testing.T) {
		r, f := moved(t, map[string]string{"db": "prod/db"}, map[string]string{"prod/db": `{"user":"u","password":"p"}`})
		assert.Equal(t, "p", value(t, r, "db#password"))
		assert.Equal(t, "u", value(t, r, "db/user"))
		assert.Equal(t, "p", value(t, r, "db/password"), "not the chain's")
		assert.Len(t, f.asks(), 1)
	}))
	t.Run("do not fall through to the chain", in(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"stripe/key": "prod/stripe", "legacy/": "old"}, nil)
		for _, name := range []string{"stripe/key", "legacy/a", "legacy/new/b"} {
			_, err := r.Get(t.Context(), name)
			assert.ErrorIs(t, err, secrets.ErrNotFound, name)
		}
		assert.Contains(t, value(t, r, "other"), "chain")
	}))
	t.Run("that end in a slash move all names below, which are searched for there", in(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"legacy/": "old"}, map[string]string{"old/a": "1", "old/db": `{"password":"2"}`})
		assert.Equal(t, "1", value(t, r, "legacy/a"))
		assert.Equal(t, "2", value(t, r, "legacy/db/password"))
		assert.Equal(t, "2", value(t, r, "legacy/db#password"))
		assert.Contains(t, value(t, r, "legacy"), "chain", "the name itself is not below itself")
	}))
	t.Run("go by the exact key first, then the longest", in(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"legacy/": "short", "legacy/new/": "long", "legacy/new/b": "exact"},
			map[string]string{"short/a": "short", "short/new/b": "wrong", "long/c": "long", "long/b": "wrong", "exact": "exact"})
		assert.Equal(t, "short", value(t, r, "legacy/a"))
		assert.Equal(t, "long", value(t, r, "legacy/new/c"))
		assert.Equal(t, "exact", value(t, r, "legacy/new/b"))
	}))
	t.Run("that name a field refuse a name that does, too", in(func(t *testing.T) {
		r, f := moved(t, map[string]string{"stripe/key": "prod/stripe#key"}, nil)
		_, err := r.Get(t.Context(), "stripe/key#other")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, f.asks())
	}))
	t.Run("read one document once, whatever the fields of them", in(func(t *testing.T) {
		r, f := moved(t, map[string]string{"user": "prod/db#user", "pass": "prod/db#password", "whole": "prod/db"},
			map[string]string{"prod/db": `{"user":"u","password":"p"}`})
		assert.Equal(t, "u", value(t, r, "user"))
		assert.Equal(t, "p", value(t, r, "pass"))
		assert.NotEmpty(t, value(t, r, "whole"))
		assert.Len(t, f.asks(), 1)
	}))
	t.Run("to other versions are other documents", in(func(t *testing.T) {
		r, _ := moved(t, map[string]string{"now": "db", "before": "db?version=1"}, map[string]string{"db": "two", "db@1": "one"})
		assert.Equal(t, "two", value(t, r, "now"))
		assert.Equal(t, "one", value(t, r, "before"))
	}))
	t.Run("may be all there is", in(func(t *testing.T) {
		f := newFake(map[string]string{"x": "1"})
		r, err := secrets.OpenConfig(t.Context(), secrets.Config{References: map[string]string{"a": f.scheme + "://x"}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		assert.Equal(t, "1", value(t, r, "a"))
		_, err = r.Get(t.Context(), "b")
		assert.ErrorIs(t, err, secrets.ErrNotFound)
	}))
	t.Run("are not what a name can be: input chooses no backend", in(func(t *testing.T) {
		r, f := moved(t, nil, map[string]string{"x": "1"})
		_, err := r.Get(t.Context(), f.scheme+"://x")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, f.openings())
	}))
	t.Run("are followed and preloaded with the names of the chain", in(func(t *testing.T) {
		r, f := moved(t, map[string]string{"stripe/key": "prod/stripe"}, map[string]string{"prod/stripe": "sk1"})
		require.NoError(t, r.Preload(t.Context(), "stripe/key", "other"))
		w := watch(t, r, "stripe/key")
		f.store.Set("prod/stripe", "sk2")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"sk1", "sk2"}, w.all())
	}))
}

func TestResolversOwnURIOptions(t *testing.T) {
	t.Run("ttl: a document is read again within it, whatever WithTTL says", in(func(t *testing.T) {
		f := newFake(map[string]string{"db": "1", "slow": "1"})
		r := open(t, f.scheme+"://?ttl=10s", secrets.WithTTL(time.Hour), secrets.WithReferences(map[string]string{"slow": f.scheme + "://slow"}))
		value(t, r, "db")
		value(t, r, "slow")
		keepUsing(t, r, "db", "slow")
		f.store.Set("db", "2")
		f.store.Set("slow", "2")
		time.Sleep(11 * time.Second)
		assert.Equal(t, "2", value(t, r, "db"))
		assert.Equal(t, "1", value(t, r, "slow"), "the other is at WithTTL's")
		assert.Len(t, f.openings(), 1, "it does not make another provider")
	}))
	t.Run("decode: base64 of the alphabets in use, with and without padding and line breaks", in(func(t *testing.T) {
		binary := "\x00\xfb\xff\xfe secret"
		f := newFake(map[string]string{
			"std": base64.StdEncoding.EncodeToString([]byte(binary)), "url": base64.URLEncoding.EncodeToString([]byte(binary)),
			"raw": base64.RawStdEncoding.EncodeToString([]byte(binary)), "broken": "AAAA\nAAAA\n", "doc": `{"key":"` + base64.StdEncoding.EncodeToString([]byte(binary)) + `"}`,
			"not": "{not base64}",
		})
		r := open(t, f.scheme+"://?decode=base64")
		for _, name := range []string{"std", "url", "raw", "doc#key", "doc/key"} {
			assert.Equal(t, binary, value(t, r, name), name)
		}
		assert.Equal(t, "\x00\x00\x00\x00\x00\x00", value(t, r, "broken"))
		_, err := r.Get(t.Context(), "not")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.NotContains(t, err.Error(), "{not")
	}))
	t.Run("decode: what it makes of a document has fields", in(func(t *testing.T) {
		f := newFake(map[string]string{"doc": base64.StdEncoding.EncodeToString([]byte(`{"key":"k"}`))})
		r := open(t, f.scheme+"://?decode=base64")
		s, err := r.Get(t.Context(), "doc")
		require.NoError(t, err)
		assert.JSONEq(t, `{"key":"k"}`, s.Reveal())
		key, err := s.Field("key")
		require.NoError(t, err)
		assert.Equal(t, "k", key.Reveal())
	}))
	t.Run("trim: one newline at the end, as editors leave it", in(func(t *testing.T) {
		f := newFake(map[string]string{"lf": "a\n", "crlf": "a\r\n", "two": "a\n\n", "space": " a \n", "none": "a"})
		r := open(t, f.scheme+"://?trim=newline")
		for name, want := range map[string]string{"lf": "a", "crlf": "a", "two": "a\n", "space": " a ", "none": "a"} {
			assert.Equal(t, want, value(t, r, name), name)
		}
		assert.Equal(t, "a\n", value(t, open(t, f.scheme+"://"), "lf"), "nothing is trimmed unasked")
		assert.Equal(t, "a\n", value(t, open(t, f.scheme+"://?trim=none"), "lf"))
	}))
	t.Run("trim and decode: base64 first", in(func(t *testing.T) {
		f := newFake(map[string]string{"a": base64.StdEncoding.EncodeToString([]byte("a\n"))})
		assert.Equal(t, "a", value(t, open(t, f.scheme+"://?trim=newline&decode=base64"), "a"))
	}))
	t.Run("search: each limits what is asked", in(func(t *testing.T) {
		for search, asked := range map[string][]string{"exact": {"db/password"}, "parent": {"db"}, "both": {"db/password", "db"}} {
			f := newFake(nil)
			_, err := open(t, f.scheme+"://?search="+search).Get(t.Context(), "db/password")
			assert.ErrorIs(t, err, secrets.ErrNotFound)
			var paths []string
			for _, ref := range f.asks() {
				paths = append(paths, ref.Path)
			}
			assert.Equal(t, asked, paths, search)
		}
	}))
	t.Run("are given to a backend that names them itself", in(func(t *testing.T) {
		var opened secrets.Ref
		name := fmt.Sprintf("trims%d", schemes.Add(1))
		secrets.Register(name, secrets.Backend{Options: []string{"trim"}, Open: func(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
			opened = base
			return quiet(map[string]string{"a": "a\n"}), nil
		}})
		assert.Equal(t, "a\n", value(t, open(t, name+"://?trim=everything"), "a"))
		assert.Equal(t, map[string]string{"trim": "everything"}, opened.Options)
	}))
}
