package references

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

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

func TestURIOptionThatIsRefused(t *testing.T) {
	t.Run("is told with what it may say", func(t *testing.T) {
		f := spectest.NewFake(nil)
		for option, want := range map[string]string{
			"ttl=0s":           "a positive duration like 30s or 5m",
			"ttl=5":            "a positive duration like 30s or 5m",
			"decode=hex":       "want base64",
			"decode=none":      "want base64",
			"trim=newlines":    "want newline or none",
			"trim=NEWLINE":     "want newline or none",
			"references=yes":   "want true or false",
			"references=1":     "want true or false",
			"search=name":      "want exact, parent or both",
			"search=exact,any": "want exact, parent or both",
		} {
			_, err := secrets.Open(t.Context(), f.Scheme+"://?"+option)
			require.ErrorIs(t, err, secrets.ErrInvalid, option)
			name, _, _ := strings.Cut(option, "=")
			assert.ErrorContains(t, err, "option "+name)
			assert.ErrorContains(t, err, want)

			_, err = secrets.Open(t.Context(), f.Scheme+"://", secrets.WithReferences(map[string]string{"db": f.Scheme + "://db?" + option}))
			assert.ErrorIs(t, err, secrets.ErrInvalid, option)
		}
	})

	t.Run("for there is none of its name is told with those that there are, each once", func(t *testing.T) {
		name := spectest.NewScheme("trims")
		secrets.Register(name, secrets.Backend{
			Options: []string{"region", "trim"}, DocumentOptions: []string{"version"},
			Open: func(context.Context, secrets.Ref) (secrets.Provider, error) { return spectest.NewPolled(nil), nil },
		})
		_, err := secrets.Open(t.Context(), name+"://?colour=red")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "(it knows region, trim, decode, references, search, ttl, version)")
	})
}

func TestURIOption(t *testing.T) {
	t.Run("ttl: may be as short as there are durations", func(t *testing.T) {
		f := spectest.NewFake(nil)
		_, err := secrets.Open(t.Context(), f.Scheme+"://?ttl=1ns")
		assert.NoError(t, err)
	})

	t.Run("references: false leaves a value that is a reference as it is", spectest.Bubble(func(t *testing.T) {
		elsewhere := spectest.Scheme(t, spectest.NewPolled(map[string]string{"db": "followed"}))
		text := elsewhere + "://db"
		here := spectest.Scheme(t, spectest.NewPolled(map[string]string{"db": text}))
		assert.Equal(t, text, spectest.Get(t, spectest.Open(t, here+"://?references=false"), "db"))
		assert.Equal(t, "followed", spectest.Get(t, spectest.Open(t, here+"://?references=any"), "db"))
	}))

	t.Run("decode: passes over white space, and over nothing else", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(nil)
		r := spectest.Open(t, f.Scheme+"://?decode=base64")
		for _, space := range []string{" ", "\t", "\r", "\n", "\r\n", "\n\t "} {
			f.Store.Set("db", strings.Join([]string{"", "c2Vj", "cmV0cw=", "=", ""}, space))
			s, err := r.Refresh(t.Context(), "db")
			if assert.NoError(t, err, "%q", space) {
				assert.Equal(t, "secrets", s.Reveal(), "%q", space)
			}
		}
		for _, other := range []string{"@", "\f", "\x12", "\x14", "\x1a"} {
			f.Store.Set("db", strings.Join([]string{"c2Vj", "cmV0cw=="}, other))
			_, err := r.Refresh(t.Context(), "db")
			assert.ErrorIs(t, err, secrets.ErrInvalid, "%q", other)
		}
	}))
}

func TestDecodeOptions(t *testing.T) {
	t.Run("a value that can no longer be decoded keeps the held one", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"key": base64.StdEncoding.EncodeToString([]byte("one\n"))})
		p.Disable(secretstest.Watch)
		r, err := secrets.Open(t.Context(), spectest.Scheme(t, p)+"://?decode=base64&trim=newline&ttl=1m", secrets.WithLogger(nil))
		require.NoError(t, err)
		defer r.Close()
		assert.Equal(t, "one", spectest.Get(t, r, "key"))
		spectest.KeepUsing(t, r, "key")
		p.Set("key", "%%%")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, "one", spectest.Get(t, r, "key"))
		assert.Equal(t, secrets.StateStale, r.Status()[0].State)
	}))
}
