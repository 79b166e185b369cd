package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestReferencesAmongTheFieldsOfADocument(t *testing.T) {
	there := spectest.Scheme(t, spectest.NewPolled(map[string]string{"key": "followed"}))
	here := spectest.NewPolled(map[string]string{"db": `{"user":"u","password":"ref+` + there + `://key","within":"u:ref+` + there + `://key@h","moved":"` + there + `://key?endpoint=http://elsewhere"}`})
	next := spectest.NewPolled(map[string]string{"db/within": "next", "db/moved": "next", "db/none": "next"})
	r := spectest.Open(t, spectest.Scheme(t, here)+"://?references=any "+spectest.Scheme(t, next)+"://")

	t.Run("are followed, and leave the other fields alone, however a field is asked for", func(t *testing.T) {
		for name, want := range map[string]string{"db#password": "followed", "db/password": "followed", "db#user": "u", "db/user": "u"} {
			assert.Equal(t, want, spectest.Get(t, r, name), name)
		}
	})
	t.Run("are no reason to ask the next member of a chain if they are refused", func(t *testing.T) {
		for _, name := range []string{"db#within", "db/within", "db#moved", "db/moved"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrInvalid, name)
		}
		assert.Equal(t, "next", spectest.Get(t, r, "db/none"), "as a field that is missing is")
	})
	t.Run("do not stand for a field that is missing", func(t *testing.T) {
		_, err := r.Get(t.Context(), "db#none")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NotErrorIs(t, err, secrets.ErrInvalid)
	})
	t.Run("are none in text that is no object, where one within it is refused all the same", func(t *testing.T) {
		here.Set("dsn", "postgres://u:ref+"+there+"://key+@h")
		here.Set("plain", "text")
		for name, tells := range map[string]string{"dsn#user": "within other text", "plain#user": "object"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, tells)
		}
	})
}
