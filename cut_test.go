package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestFieldOfADecodedDocument(t *testing.T) {
	t.Run("that is not there is not found, decoded or not", spectest.Bubble(func(t *testing.T) {
		for _, options := range []string{"", "?decode=base64", "?trim=newline", "?decode=base64&trim=newline"} {
			p := spectest.NewPolled(map[string]string{"db": `{"user":"dQ=="}`, "list": `["dQ=="]`})
			r := spectest.Open(t, spectest.Scheme(t, p)+"://"+options)
			spectest.Get(t, r, "db#user")
			for _, name := range []string{"db#password", "db/password", "db#/user/name"} {
				_, err := r.Get(t.Context(), name)
				assert.ErrorIs(t, err, secrets.ErrNotFound, "%s %s", options, name)
			}
			_, err := r.Get(t.Context(), "list#user")
			assert.ErrorIs(t, err, secrets.ErrInvalid, options)
		}
	}))
}

func TestNameThatMovesWithItsBytes(t *testing.T) {
	t.Run("has the version of the document where it is now, and nothing was before", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "one"})
		for range 3 {
			p.Set("db", `{"password":"one"}`)
		}
		s, err := r.Get(t.Context(), "db/password")
		require.NoError(t, err)
		assert.Equal(t, "v1", s.Version())
		p.Delete("db/password")
		_, err = r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		s, err = r.Get(t.Context(), "db/password")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
		assert.Equal(t, "v3", s.Version())
		_, before := s.Previous()
		assert.False(t, before)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
