package aws

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheExampleRunsWithOneCommand(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "run", "./examples/aws")
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Environ(), "SECRETS_URL=", "AWS_ENDPOINT_URL=http://127.0.0.1:1") // its own comes in place of it
	out, err := cmd.Output()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, `db/user: 3 bytes, printed as [REDACTED]
db/password: 5 bytes, printed as [REDACTED]
stripe/key: 8 bytes, printed as [REDACTED]
no/such/secret: not found: true
db/password: rotated: true
`, string(out))
}
