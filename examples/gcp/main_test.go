package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheExampleRunsAgainstTheServerInThisProcess(t *testing.T) {
	server, err := startServer()
	require.NoError(t, err)
	defer server.Close()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, server.URI(), server.Rotate))
	assert.Equal(t, `db/user: version 1, 3 bytes, printed as [REDACTED]
db/password: version 1, 5 bytes, printed as [REDACTED]
stripe/key: not found: true
db/password: version 2 now
`, out.String())
}
