package envfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// refusesName asserts that a name is refused, and that the error tells both.
func refusesName(t *testing.T, r *secrets.Resolver, name, other string) {
	t.Helper()
	_, err := r.Refresh(t.Context(), name)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, `"`+name+`"`)
	assert.ErrorContains(t, err, `"`+other+`"`)
}

func TestTheProgramsOwnNameTakesItsVariableFromInput(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte("CLAIMED_PASSWORD=hunter2\n"), 0o600))
	for what, ask := range map[string]func(*secrets.Resolver, string) error{
		"Preload": func(r *secrets.Resolver, name string) error { return r.Preload(t.Context(), name) },
		"Load": func(r *secrets.Resolver, name string) error {
			var c struct {
				Password secrets.Secret `secret:"claimed/password"`
			}
			return r.Load(t.Context(), &c)
		},
		"Bind": func(r *secrets.Resolver, name string) error {
			_, err := secrets.Bind(t.Context(), r, name, func(s secrets.Secret) (string, error) { return s.Reveal(), nil })
			return err
		},
	} {
		r, err := secrets.Open(t.Context(), "envfile://"+path, secrets.WithTTL(time.Hour))
		require.NoError(t, err)
		_, err = r.Get(t.Context(), "claimed.password") // from input, and first
		require.NoError(t, err, what)
		refusesName(t, r, "claimed/password", "claimed.password") // another Get is no better than the first

		require.NoError(t, ask(r, "claimed/password"), what)
		s, err := r.Refresh(t.Context(), "claimed/password")
		require.NoError(t, err, what)
		assert.Equal(t, "hunter2", s.Reveal())
		refusesName(t, r, "claimed.password", "claimed/password")
		refusesName(t, r, "claimed-password", "claimed/password")
		assert.Error(t, r.Preload(t.Context(), "claimed-password"), "of two of the program's own the first keeps it")
		require.NoError(t, r.Close())
	}
}
