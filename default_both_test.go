package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
)

func TestDefaultFromBothVariables(t *testing.T) {
	t.Run("is refused also where package config is not linked, so that no file is passed over in silence", func(t *testing.T) {
		f := newFake(map[string]string{"a": "1"})
		environment(t, f.scheme+"://", "/etc/secrets.yaml")
		_, err := secrets.Get(t.Context(), "a")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "both SECRETS_URL and SECRETS_CONFIG are set; unset one")
		assert.Empty(t, f.openings())

		t.Setenv("SECRETS_CONFIG", "")
		_, err = secrets.Get(t.Context(), "a")
		assert.NoError(t, err, "and is tried again")
	})
}
