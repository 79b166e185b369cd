package envfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A deployment that removes a file and writes it anew: what says that it may
// be there again ends the memory that it is not.
func TestAFileThatIsBackIsSeenBeforeItsAbsenceIsForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, filepath.Join(dir, "token"), "one")
	r, err := secrets.Open(t.Context(), "file://"+dir, secrets.WithNegativeTTL(time.Minute))
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Get(t.Context(), "token")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "token")))
	require.Eventually(t, func() bool {
		_, err := r.Get(t.Context(), "token")
		return err != nil
	}, 10*time.Second, 5*time.Millisecond)
	save(t, filepath.Join(dir, "token"), "two")
	require.Eventually(t, func() bool {
		s, err := r.Get(t.Context(), "token")
		return err == nil && s.Reveal() == "two"
	}, 10*time.Second, 5*time.Millisecond)
}
