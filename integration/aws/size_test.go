package aws

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// size builds a program of the directory size, stripped.
func size(t *testing.T, program string) int64 {
	t.Helper()
	binary := filepath.Join(t.TempDir(), program)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./size/"+program).CombinedOutput()
	require.NoError(t, err, "%s", out)
	info, err := os.Stat(binary)
	require.NoError(t, err)
	return info.Size()
}

// The aim is half a megabyte. What is over it is the resolver's, most of it
// log/slog and the parser of references; this keeps it from growing.
func TestAProgramIsSixTenthsOfAMegabyteLargerThanWithTheSDKAloneAtMost(t *testing.T) {
	for ours, sdk := range map[string]string{"awssm": "sdksm", "ssm": "sdkssm"} {
		a, b := size(t, ours), size(t, sdk)
		t.Logf("%s: %.2f MB, the SDK alone %.2f MB, %.0f kB more", ours, float64(a)/1e6, float64(b)/1e6, float64(a-b)/1e3)
		assert.Less(t, a-b, int64(600_000), ours)
	}
}
