package secrets_test

import (
	"context"
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
	f := &fake{scheme: newScheme("fake"), store: quiet(docs)}
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
		"a comma between two":         f.scheme + "://prod," + f.scheme + "://test",
		"a comma and a space":         f.scheme + "://prod, " + f.scheme + "://test",
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
	t.Run("commas, with what to write between two URIs", func(t *testing.T) {
		t.Parallel()
		for _, between := range []string{",", ", "} {
			_, err := secrets.Open(t.Context(), f.scheme+"://prod"+between+f.scheme+"://test")
			assert.ErrorContains(t, err, "spaces between them")
		}
	})
	t.Run("a path alone, with the URI of a directory", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/run/secrets", "./secrets"} {
			_, err := secrets.Open(t.Context(), path)
			assert.ErrorContains(t, err, "file:///run/secrets")
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
