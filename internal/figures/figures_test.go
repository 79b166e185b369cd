package figures_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/figures"
)

func TestTell(t *testing.T) {
	name := filepath.Join(t.TempDir(), "figures")
	t.Setenv(figures.File, name)
	figures.Tell(t, "%d reads", 3)
	figures.Tell(t, "4 more")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "TestTell: 3 reads\nTestTell: 4 more\n", string(text))

	t.Setenv(figures.File, "")
	figures.Tell(t, "for the log alone")
	again, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, text, again)
}
