// Package size holds what the module adds to a program.
package size

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/figures"
)

// Every pair of programs reads one secret: with this module, and with what a
// program would use without it. Both are stripped.
func TestWhatTheModuleAddsToAProgram(t *testing.T) {
	for _, test := range []struct {
		name, ours, without string
		atMost              int64 // bytes
	}{
		{"files and the environment, beside encoding/json, log/slog and os", "files", "files-standard", 1_500_000},
		{"AWS Secrets Manager, beside the SDK", "awssm", "awssm-sdk", 1_000_000},
		{"AWS SSM Parameter Store, beside the SDK", "ssm", "ssm-sdk", 1_000_000},
		// Its own dialer to proxies and its own runner of commands bound what those
		// answer, and the client's don't: 0.1 MB.
		{"Google Secret Manager, beside its client", "gcp", "gcp-sdk", 1_150_000},
		{"Vault, beside vault/api", "vault", "vault-sdk", 1_000_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			ours, without := size(t, test.ours), size(t, test.without)
			figures.Tell(t, "%.2f MB, without %.2f MB, %d kB more", float64(ours)/1e6, float64(without)/1e6, (ours-without)/1000)
			assert.LessOrEqual(t, ours-without, test.atMost)
		})
	}
}

// size builds a program without the race detector.
func size(t *testing.T, program string) int64 {
	t.Helper()
	binary := filepath.Join(t.TempDir(), program)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./programs/"+program).CombinedOutput()
	require.NoError(t, err, "%s", out)
	info, err := os.Stat(binary)
	require.NoError(t, err)
	return info.Size()
}
