//go:build unix

package vault

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

func TestACredentialInAPipeIsReadOnceAndUsedFromThenOn(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(path string) Option{
		"a token":     func(path string) Option { return WithToken(TokenFile(path)) },
		"a secret id": func(path string) Option { return WithAuth(&AppRole{RoleID: Text("role"), SecretID: File(path)}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fifo(t)
			var writer sync.WaitGroup
			writer.Go(func() { assert.NoError(t, os.WriteFile(path, []byte("hvs.piped\n"), 0o600)) })
			f := &fakeVault{ttl: 60}
			p := f.provider(t, option(path), WithoutRenewal())
			for range 5 {
				require.NoError(t, fetch(p))
			}
			writer.Wait()
			require.NoError(t, p.Close())
		})
	}
}

func TestAPipeThatNobodyWritesToHoldsUpNeitherReadsNorClose(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(path string) Option{
		"a token":     func(path string) Option { return WithToken(TokenFile(path)) },
		"a secret id": func(path string) Option { return WithAuth(&AppRole{RoleID: Text("role"), SecretID: File(path)}) },
		"a JWT":       func(path string) Option { return WithAuth(&Kubernetes{Role: "app", JWT: File(path)}) },
		"a password":  func(path string) Option { return WithAuth(&LDAP{Username: "app", Password: File(path)}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := (&fakeVault{ttl: 60}).provider(t, option(fifo(t)))
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := p.Fetch(ctx, secrets.Ref{Path: "kv/x"})
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.Less(t, time.Since(start), 3*time.Second)
			start = time.Now()
			require.NoError(t, p.Close())
			assert.Less(t, time.Since(start), 3*time.Second)
		})
	}
}
