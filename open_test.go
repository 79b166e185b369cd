package secrets_test

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
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	f := spectest.NewFake(nil)
	for what, uri := range map[string]string{
		"nothing":                     "",
		"spaces":                      "  \t\n",
		"no scheme":                   "prod/db",
		"a malformed scheme":          "9vault://x",
		"an unknown scheme":           "gopher://x",
		"a scheme that is not linked": "awssm://prod",
		"a field":                     f.Scheme + "://prod#password",
		"an unknown option":           f.Scheme + "://prod?colour=red",
		"an option twice":             f.Scheme + "://prod?region=a&region=b",
		"an option without a value":   f.Scheme + "://prod?region",
		"a malformed escape":          f.Scheme + "://prod%zz",
		"a wrong ttl":                 f.Scheme + "://?ttl=soon",
		"a ttl of zero":               f.Scheme + "://?ttl=0s",
		"a negative ttl":              f.Scheme + "://?ttl=-1s",
		"an unknown decoding":         f.Scheme + "://?decode=rot13",
		"an unknown trim":             f.Scheme + "://?trim=all",
		"an unknown search":           f.Scheme + "://?search=deep",
		"a wrong second member":       f.Scheme + ":// " + f.Scheme + "://?colour=red",
		"a comma between two":         f.Scheme + "://prod," + f.Scheme + "://test",
		"a comma and a space":         f.Scheme + "://prod, " + f.Scheme + "://test",
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
	assert.Empty(t, f.Openings())

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
			_, err := secrets.Open(t.Context(), f.Scheme+"://prod"+between+f.Scheme+"://test")
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
		_, err := secrets.Open(t.Context(), f.Scheme+"://x?colour=red")
		for _, known := range []string{`"colour"`, "region", "endpoint", "version", "stage", "ttl", "decode", "trim", "search"} {
			assert.ErrorContains(t, err, known)
		}
	})
	t.Run("a wrong member of several, with its place", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.Open(t.Context(), f.Scheme+":// "+f.Scheme+"://#x")
		assert.ErrorContains(t, err, "2")
	})
	t.Run("a credential, which it does not repeat", func(t *testing.T) {
		t.Parallel()
		c := canary.New()
		for _, uri := range []string{
			f.Scheme + "://user:" + c + "@host/x",
			f.Scheme + "://x?token=" + c,
			f.Scheme + "://x?password=" + c,
			f.Scheme + "://x?secret_id=" + c,
			f.Scheme + "://x?endpoint=https://user:" + c + "@host",
			"unknown://user:" + c + "@host",
			"//user:" + c + "@host",
			f.Scheme + "://x?ttl=" + c,
			f.Scheme + "://x?decode=" + c,
			f.Scheme + "://x?trim=" + c,
			f.Scheme + "://x?search=" + c,
		} {
			_, err := secrets.Open(t.Context(), uri)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, canary.For(c).Error(err))
			_, err = secrets.Open(t.Context(), f.Scheme+"://", secrets.WithReferences(map[string]string{"a": uri}))
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, canary.For(c).Error(err))
		}
	})
}

func TestOpen(t *testing.T) {
	t.Run("does no I/O, and opens a backend when it is first needed", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"db": "one"})
		r := spectest.Open(t, f.Scheme+"://")
		synctest.Wait()
		assert.Empty(t, f.Openings())
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Len(t, f.Openings(), 1)
	}))
	t.Run("is bounded by its context alone, which may end afterwards", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"db": "one"})
		ctx, cancel := context.WithCancel(t.Context())
		r, err := secrets.Open(ctx, f.Scheme+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		cancel()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		require.NoError(t, r.Close())
	}))
	t.Run("gives an Opener the provider options, and each read base, name and document options", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"prod/db@3": "three"})
		r := spectest.Open(t, f.Scheme+"://prod?region=eu&version=3&ttl=1m")
		assert.Equal(t, "three", spectest.Get(t, r, "db"))
		opened := f.Openings()
		require.Len(t, opened, 1)
		assert.Equal(t, map[string]string{"region": "eu"}, opened[0].Options)
		assert.Empty(t, opened[0].Base+opened[0].Path+opened[0].Field)
		asked := f.Asks()
		require.Len(t, asked, 1)
		assert.Equal(t, "prod", asked[0].Base)
		assert.Equal(t, "db", asked[0].Path)
		assert.Equal(t, map[string]string{"version": "3"}, asked[0].Options)
		assert.True(t, asked[0].IsName())
		assert.Equal(t, f.Scheme, asked[0].Scheme)
	}))
	t.Run("shares a provider among all bases and references with its scheme and options", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a/x": "1", "b/y": "2", "z": "3", "w@2": "4", "v": "5"})
		r := spectest.Open(t, f.Scheme+"://a?region=eu&endpoint=e "+f.Scheme+"://b?endpoint=e&region=eu",
			secrets.WithReferences(map[string]string{
				"z": f.Scheme + "://z?region=eu&endpoint=e",
				"w": f.Scheme + "://w?region=eu&endpoint=e&version=2",
				"v": f.Scheme + "://v?region=us",
			}))
		for name, want := range map[string]string{"x": "1", "y": "2", "z": "3", "w": "4"} {
			assert.Equal(t, want, spectest.Get(t, r, name))
		}
		assert.Len(t, f.Openings(), 1)
		assert.Equal(t, "5", spectest.Get(t, r, "v"))
		assert.Len(t, f.Openings(), 2, "another region is another provider")
	}))
	t.Run("opens a provider once, however many ask", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1", "b": "2", "c": "3"})
		r := spectest.Open(t, f.Scheme+"://")
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { spectest.Get(t, r, string(rune('a'+i%3))) })
		}
		wg.Wait()
		assert.Len(t, f.Openings(), 1)
	}))
	t.Run("tries a failed opening again when a secret is needed again", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"db": "one"})
		f.FailOpenings(secrets.ErrUnauthenticated)
		r := spectest.Open(t, f.Scheme+"://")
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		time.Sleep(time.Second)
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.Len(t, f.Openings(), 2)
		f.FailOpenings(nil)
		time.Sleep(time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))
	t.Run("takes an Opener that panics, or returns nothing, for a failed opening", spectest.Bubble(func(t *testing.T) {
		_, s := spectest.Opener(t, func() (secrets.Provider, error) { panic("hunter2") })
		_, err := spectest.Open(t, s+"://").Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.NotContains(t, err.Error(), "hunter2")
		_, s = spectest.Opener(t, func() (secrets.Provider, error) { return nil, nil })
		_, err = spectest.Open(t, s+"://").Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
	}))
	t.Run("opens no member that is not asked", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewFake(map[string]string{"db": "one"}), spectest.NewFake(nil)
		r := spectest.Open(t, one.Scheme+":// "+two.Scheme+"://")
		spectest.Get(t, r, "db")
		assert.Empty(t, two.Openings())
	}))
}

// checked registers a scheme whose options kv and version can have one value
// each, and whose URI must have a path.
func checked(t *testing.T, check func(secrets.Ref) error) string {
	t.Helper()
	s := spectest.NewScheme("checked")
	secrets.Register(s, secrets.Backend{
		Open: func(context.Context, secrets.Ref) (secrets.Provider, error) {
			t.Error("nothing is to be opened")
			return nil, secrets.ErrUnavailable
		},
		Options: []string{"kv", "auth"}, DocumentOptions: []string{"version"}, Check: check,
	})
	return s
}

func TestABackendChecksItsURIs(t *testing.T) {
	t.Parallel()
	s := checked(t, func(ref secrets.Ref) error {
		switch {
		case ref.Options["kv"] == "9":
			return fmt.Errorf("%w: option kv: want 1 or 2", secrets.ErrInvalid)
		case ref.Options["version"] == "none":
			return errors.New("option version: want a number")
		case ref.Options["auth"] == "boom":
			panic("hunter2")
		case ref.Base == "" && ref.Path == "":
			return fmt.Errorf("%w: a mount is missing", secrets.ErrInvalid)
		case len(ref.Options) > 0 && ref.Options["ttl"] != "":
			return errors.New("an option of the resolver is none of the backend")
		}
		return nil
	})
	for uri, text := range map[string]string{
		"://secret?kv=9":         "option kv: want 1 or 2",
		"://secret?version=none": "option version: want a number",
		"://":                    "a mount is missing",
		"://secret?auth=boom":    "panicked",
	} {
		_, err := secrets.Open(t.Context(), s+uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		require.NotErrorIs(t, err, secrets.ErrUnavailable, uri)
		require.ErrorContains(t, err, text)
		assert.NotContains(t, err.Error(), "hunter2")

		r := secrets.New(secrets.Chain(), secrets.WithReferences(map[string]string{"db": s + uri}))
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		require.ErrorContains(t, err, text)
	}
	for _, uri := range []string{"://secret", "://secret?kv=2&ttl=5m", "://secret/a?version=3"} {
		r, err := secrets.Open(t.Context(), s+uri)
		require.NoError(t, err, uri)
		require.NoError(t, r.Close())
	}
}

func TestAMisspeltWordIsToldTheNearest(t *testing.T) {
	t.Parallel()
	s := checked(t, nil)
	for uri, hint := range map[string]string{
		"vualt://secret":      "did you mean vault?",
		"awsm://prod":         "did you mean awssm?",
		"gpc://project":       "did you mean gcp?",
		"envfil://.env":       "did you mean envfile?",
		s + "://x?verison=3":  "did you mean version?",
		s + "://x?kvv=2":      "did you mean kv?",
		s + "://x?Auth=token": "did you mean auth?",
		s + "://x?tll=5m":     "did you mean ttl?",
		s + "://x?decod=no":   "did you mean decode?",
	} {
		_, err := secrets.Open(t.Context(), uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		assert.ErrorContains(t, err, hint, uri)
	}
	for _, uri := range []string{"postgresql://x", s + "://x?sslmode=disable"} {
		_, err := secrets.Open(t.Context(), uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		assert.NotContains(t, err.Error(), "did you mean", uri)
	}
}
