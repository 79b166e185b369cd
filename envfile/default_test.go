package envfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// With this package linked and nothing set, the default resolver looks in the
// environment and then in .env.
func TestDefaultResolver(t *testing.T) {
	start := func(t *testing.T, dotenv string) {
		t.Setenv("SECRETS_URL", "")
		t.Setenv("SECRETS_CONFIG", "")
		t.Chdir(t.TempDir())
		if dotenv != "" {
			require.NoError(t, os.WriteFile(".env", []byte(dotenv), 0o600))
		}
		secrets.SetDefault(nil)
		t.Cleanup(func() {
			r, err := secrets.Default()
			require.NoError(t, err)
			assert.NoError(t, r.Close())
			secrets.SetDefault(nil)
		})
	}
	get := func(t *testing.T, name string) string {
		s, err := secrets.Get(t.Context(), name)
		require.NoError(t, err)
		return s.Reveal()
	}
	t.Run("looks in the environment, then in .env", func(t *testing.T) {
		start(t, "ENVFILE_DEFAULT_A=dotenv\nENVFILE_DEFAULT_B=dotenv\n")
		t.Setenv("ENVFILE_DEFAULT_A", "environment")
		assert.Equal(t, "environment", get(t, "envfile/default/a"))
		assert.Equal(t, "dotenv", get(t, "envfile/default/b"))
	})
	t.Run("says of a missing name that SECRETS_URL is unset and where it looked", func(t *testing.T) {
		start(t, "A=1\n")
		path, err := filepath.Abs(".env")
		require.NoError(t, err)
		_, err = secrets.Get(t.Context(), "envfile/default/nowhere")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "SECRETS_URL is unset; looked in the environment and "+path)
		var dst struct {
			Missing string `secret:"envfile/default/nowhere"`
		}
		assert.ErrorContains(t, secrets.Load(t.Context(), &dst), "SECRETS_URL is unset")
	})
	t.Run("goes without a .env", func(t *testing.T) {
		start(t, "")
		t.Setenv("ENVFILE_DEFAULT_A", "environment")
		assert.Equal(t, "environment", get(t, "envfile/default/a"))
		_, err := secrets.Get(t.Context(), "envfile/default/nowhere")
		assert.ErrorIs(t, err, secrets.ErrNotFound)
	})
}
