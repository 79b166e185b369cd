package vault_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/integration/internal/vaultserver"
)

func TestTheExampleRunsWithOneCommand(t *testing.T) {
	t.Parallel()
	bin, err := vaultserver.Binary()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	// Built and then run, so that what is stopped is the program itself.
	program := filepath.Join(t.TempDir(), "example")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./examples/vault")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "HOME="+realHome, "GOFLAGS=-buildvcs=false")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	run := exec.CommandContext(ctx, program)
	run.Env = append(os.Environ(), "VAULT_SERVER_BIN="+bin)
	out, err := run.Output()
	require.NoError(t, err)
	assert.Equal(t, `db/user: version 1, 3 bytes, printed as [REDACTED]
db/password: version 1, 5 bytes, printed as [REDACTED]
stripe/key: version 1, 8 bytes, printed as [REDACTED]
no/such/secret: permission denied or not found: true
db/password: version 2 now
`, string(out))
}
