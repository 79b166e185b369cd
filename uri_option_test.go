package secrets_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

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
