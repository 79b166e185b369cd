package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/secretstest"
)

func TestADocumentWithAByteOrderMarkHasFields(t *testing.T) {
	t.Parallel()
	const mark = "\uFEFF"
	r, _ := secretstest.New(t, map[string]string{"db": mark + ` {"password":"one","in":{"a":[1]}}`, "text": mark + "plain"})
	for name, want := range map[string]string{"db/password": "one", "db#password": "one", "db#/in/a/0": "1", "text": mark + "plain"} {
		s, err := r.Get(t.Context(), name)
		require.NoError(t, err, name)
		assert.Equal(t, want, s.Reveal(), "only what is read as JSON loses its mark")
	}
	s, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	var dst struct{ Password string }
	require.NoError(t, s.Decode(&dst))
	assert.Equal(t, "one", dst.Password)
	field, err := s.Field("password")
	require.NoError(t, err)
	assert.Equal(t, "one", field.Reveal())
}
