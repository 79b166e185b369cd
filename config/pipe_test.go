//go:build unix

package config_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/config"
)

func TestTheFileMayBeAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.yaml")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte("providers: [\"env://\"]\n"), 0) }()
	cfg, err := config.Read(path)
	require.NoError(t, err)
	require.NoError(t, <-written)
	assert.Equal(t, []string{"env://"}, cfg.Providers)
}
