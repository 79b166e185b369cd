package vault_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/envfile"
)

// autoAuth is the part of an agent's configuration that logs in.
func autoAuth(role *approle, sink string) string {
	config := fmt.Sprintf(`
auto_auth {
  method "approle" {
    mount_path = "auth/%s"
    config = {
      role_id_file_path                   = %q
      secret_id_file_path                 = %q
      remove_secret_id_file_after_reading = false
    }
  }
`, role.mount, role.roleIDFile, role.secretIDFile)
	if sink != "" {
		config += fmt.Sprintf("  sink \"file\" { config = { path = %q } }\n", sink)
	}
	return config + "}\n"
}

const withToken = `
api_proxy { use_auto_auth_token = "force" }
cache {}
`

func TestThroughAProxyNoTokenIsSentAndNothingIsRenewedOrRevoked(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	for _, command := range []string{"agent", "proxy"} {
		a := shared.StartAgent(t, command, autoAuth(role, "")+withToken)
		g := newGateway(t, a.Addr)
		var sent, marked atomic.Int32
		g.set(func(g *gateway) {
			g.answer = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("X-Vault-Token") != "" {
					sent.Add(1)
				}
				if r.Header.Get("X-Vault-Request") == "true" {
					marked.Add(1)
				}
				return false
			}
		})
		r, err := secrets.Open(t.Context(), "vault://"+kv+"?agent="+g.URL)
		require.NoError(t, err)
		// The agent may still be logging in.
		require.Eventually(t, func() bool { s, err := r.Get(t.Context(), "k"); return err == nil && s.Reveal() == "x" }, 15*time.Second, 50*time.Millisecond)
		require.NoError(t, r.Close())
		assert.Zero(t, sent.Load(), command)
		assert.Equal(t, int(marked.Load()), g.count(""), command)
		assert.Zero(t, g.count("self")+g.count("leases"), command)
	}
}

func TestAnAgentWithoutAnAutoAuthTokenIsSaid(t *testing.T) {
	t.Parallel()
	role := newAppRole(t, shared, nil)
	a := shared.StartAgent(t, "proxy", autoAuth(role, filepath.Join(t.TempDir(), "sink")))
	r, err := secrets.Open(t.Context(), "vault://secret?agent="+a.Addr)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	assert.ErrorContains(t, err, "use_auto_auth_token")
}

func TestAnAgentsCachedLeaseCountsFromWhenItWasMade(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "8s", "1h")
	role := d.appRole(t, path, "1h", "24h")
	a := shared.StartAgent(t, "agent", autoAuth(role, "")+withToken)
	uri := "vault://" + d.mount + "/creds?agent=" + a.Addr
	name := strings.TrimPrefix(path, d.mount+"/creds/")
	first, err := secrets.Open(t.Context(), uri)
	require.NoError(t, err)
	defer first.Close()
	var s secrets.Secret
	require.Eventually(t, func() bool { s, err = first.Get(t.Context(), name); return err == nil }, 15*time.Second, 50*time.Millisecond)
	user := login(t, d, s)

	<-time.After(3 * time.Second)
	second, err := secrets.Open(t.Context(), uri)
	require.NoError(t, err)
	defer second.Close()
	s, err = second.Get(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, user, login(t, d, s), "the agent has it in its cache")
	assert.Less(t, time.Until(s.ExpiresAt()), 6*time.Second)

	// The agent keeps the lease alive, so that both go on with the same user.
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		s, err = second.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, user, login(t, d, s))
	}
	assert.Len(t, d.users(t, path), 1)
}

func TestTheTokenFileOfAnAgentIsUsed(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_ttl": "4s", "token_max_ttl": "8s"})
	sink := filepath.Join(t.TempDir(), "token")
	shared.StartAgent(t, "agent", autoAuth(role, sink))
	require.Eventually(t, func() bool { _, err := os.Stat(sink); return err == nil }, 15*time.Second, 20*time.Millisecond)
	first := readFile(t, sink)
	r := open(t, kv, shared.Addr, "token_file="+sink, secrets.WithTTL(200*time.Millisecond))
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.Eventually(t, func() bool {
		_, err := r.Get(t.Context(), "k")
		require.NoError(t, err)
		return readFile(t, sink) != first
	}, 30*time.Second, 50*time.Millisecond, "the agent logs in again")
	put(t, shared, kv, 2, "k", map[string]any{"value": "later"})
	require.Eventually(t, func() bool { return reveal(t, r, "k") == "later" }, 20*time.Second, 50*time.Millisecond)
}

func TestAFileThatAnAgentRendersIsFollowed(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	put(t, shared, kv, 2, "db", map[string]any{"user": "app", "password": "one"})
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	dir := t.TempDir()
	shared.StartAgent(t, "agent", autoAuth(role, "")+fmt.Sprintf(`
template {
  destination = %q
  contents    = "{{ with secret \"%s/data/db\" }}{{ .Data.data | toJSON }}{{ end }}"
  perms       = "0600"
}
template_config { static_secret_render_interval = "1s" }
`, filepath.Join(dir, "db"), kv))
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "db")); return err == nil }, 20*time.Second, 20*time.Millisecond)

	r, err := secrets.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	defer r.Close()
	assert.Equal(t, "one", reveal(t, r, "db/password"))
	put(t, shared, kv, 2, "db", map[string]any{"user": "app", "password": "two"})
	require.Eventually(t, func() bool { return strings.Contains(readFile(t, filepath.Join(dir, "db")), "two") }, 20*time.Second, 20*time.Millisecond)
	rendered := time.Now()
	require.Eventually(t, func() bool { return reveal(t, r, "db/password") == "two" }, 5*time.Second, 5*time.Millisecond)
	assert.Less(t, time.Since(rendered), time.Second)
}

// It sets a variable of the process, so that it runs alone.
func TestAnAgentsAddressInTheEnvironmentIsTaken(t *testing.T) {
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	a := shared.StartAgent(t, "agent", autoAuth(role, "")+withToken)
	t.Setenv("VAULT_AGENT_ADDR", a.Addr)
	t.Setenv("VAULT_ADDR", "https://127.0.0.1:1")
	r, err := secrets.Open(t.Context(), "vault://"+kv)
	require.NoError(t, err)
	defer r.Close()
	require.Eventually(t, func() bool { s, err := r.Get(t.Context(), "k"); return err == nil && s.Reveal() == "x" }, 15*time.Second, 50*time.Millisecond)
}

// An agent wraps the token in its sink where it is told to: the program unwraps
// it, once.
func TestAnAgentsWrappedSinkIsUnwrapped(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	for name, where := range map[string]string{"sink": `sink "file" { wrap_ttl = "5m"`, "method": `sink "file" {`} {
		role := newAppRole(t, shared, map[string]any{"token_policies": pol})
		sink := filepath.Join(t.TempDir(), "token")
		config := strings.Replace(autoAuth(role, sink), `sink "file" {`, where, 1)
		config = strings.Replace(config, "{ config = { path", "{\n config = { path", 1)
		config = strings.Replace(config, `wrap_ttl = "5m" config`, "wrap_ttl = \"5m\"\n config", 1)
		if name == "method" {
			config = strings.Replace(config, `method "approle" {`, "method \"approle\" {\n wrap_ttl = \"5m\"", 1)
		}
		shared.StartAgent(t, "agent", config)
		require.Eventually(t, func() bool { _, err := os.Stat(sink); return err == nil }, 15*time.Second, 20*time.Millisecond, name)
		require.Contains(t, readFile(t, sink), `"creation_time"`, name)
		r := open(t, kv, shared.Addr, "token_file="+sink, every)
		for range 3 {
			assert.Equal(t, "x", reveal(t, r, "k"), name)
		}
	}
}
