package vault

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
)

func TestAFileThatIsNoCredentialIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	require.NoError(t, os.WriteFile(open, []byte("hvs.x"), 0o600))
	require.NoError(t, os.Chmod(open, 0o666)) // #nosec G302 -- that is what is tested
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	huge := filepath.Join(dir, "huge")
	require.NoError(t, os.WriteFile(huge, make([]byte, 2<<20), 0o600))
	for name, path := range map[string]string{
		"one that every user can write": open, "an empty one": empty, "a huge one": huge, "a folder": dir, "a device": "/dev/zero", "none": filepath.Join(dir, "none.token"),
	} {
		for kind, source := range map[string]Source{"File": File(path), "TokenFile": TokenFile(path)} {
			_, err := source()
			assert.ErrorIs(t, err, secrets.ErrUnauthenticated, "%s, %s", name, kind)
		}
	}
}

func TestASourceThatPanicsFailsTheReadAlone(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]Source{
		"a panic": func() (string, error) { panic("hvs.in-a-panic") },
		"Goexit":  func() (string, error) { runtime.Goexit(); return "", nil },
	} {
		for kind, option := range map[string]Option{"a token": WithToken(source), "a secret id": WithAuth(&AppRole{RoleID: Text("role"), SecretID: source})} {
			p := (&fakeVault{ttl: 60}).provider(t, option)
			err := fetch(p)
			require.ErrorIs(t, err, secrets.ErrUnavailable, "%s, %s", name, kind)
			assert.NotContains(t, err.Error(), "hvs.")
			require.NoError(t, p.Close())
		}
	}
}

func TestNoPrinterGetsAtATokenThroughWhatIsOpen(t *testing.T) {
	if canary.Race {
		t.Skip("deep printers read locks without taking them; the suites without the race detector run this")
	}
	t.Parallel()
	token, secretID := canary.New(), canary.New()
	f := &fakeVault{ttl: 60, unwraps: `{"auth":{"client_token":"` + token + `"}}`}
	f.reads = func(string) (int, string) {
		return 200, `{"request_id":"r","lease_id":"db/creds/x/1","lease_duration":3600,"data":{"username":"u"}}`
	}
	creds := secrets.Ref{Path: "db/creds/x", Options: map[string]string{"mount": "db", "engine": "database"}}
	wrapped := `{"wrap_info":{"token":"` + secretID + `"}}`
	role := &AppRole{RoleID: Text("role"), SecretID: Text(secretID)}
	for name, p := range map[string]*Provider{
		"a token":         f.provider(t, WithToken(Text(token)), WithoutRenewal()),
		"a wrapped token": f.provider(t, WithToken(Text(wrapped)), WithoutRenewal()),
		"a login":         f.provider(t, WithAuth(role)),
	} {
		v, err := p.Fetch(t.Context(), creds)
		require.NoError(t, err, name)
		for _, secret := range []string{token, secretID, "token-1"} {
			if len(secret) < 16 {
				continue
			}
			search := canary.For(secret)
			for what, value := range map[string]any{"the provider": p, "a value with its lease": v, "the login": role} {
				assert.Empty(t, search.Walk(value), "%s: %s", name, what)
				assert.Empty(t, search.Printed(value), "%s: %s", name, what)
			}
		}
		require.NoError(t, p.Close())
	}
}
