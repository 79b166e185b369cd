package vault_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

func newProvider(t testing.TB, client *api.Client, opts ...vault.Option) *vault.Provider {
	t.Helper()
	p := vault.New(client, opts...)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestNoPolicyIsPermissionWithAtMostOneNewLogin(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "granted", map[string]any{"value": "x"})
	put(t, shared, kv, 2, "denied", map[string]any{"value": "x"})
	pol := policy(t, shared, `path "`+kv+`/data/granted" { capabilities = ["read"] }`)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	g := newGateway(t, shared.Addr)
	p := provider(t, shared, g.URL, vault.WithAuth(&vault.AppRole{Mount: role.mount, RoleID: vault.Text(role.roleID), SecretID: vault.File(role.secretIDFile)}))

	_, err := p.Fetch(t.Context(), ref(kv+"/granted"))
	require.NoError(t, err)
	for range 20 {
		_, err = p.Fetch(t.Context(), ref(kv+"/denied"))
		require.ErrorIs(t, err, secrets.ErrPermission)
	}
	assert.ErrorContains(t, err, `path "`+kv+`/data/denied" { capabilities = ["read"] }`, "what to add is said")
	var missing interface{ Permission() string }
	require.True(t, errors.As(err, &missing))
	assert.Equal(t, "read on "+kv+"/data/denied", missing.Permission())
	assert.LessOrEqual(t, g.count("/login"), 2)
	_, err = p.Fetch(t.Context(), ref(kv+"/granted"))
	require.NoError(t, err)
}

func TestARevokedTokenIsReplacedAndTheReadSucceeds(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	role := newAppRole(t, shared, map[string]any{"token_policies": reader(t, shared, kv)})
	g := newGateway(t, shared.Addr)
	p := provider(t, shared, g.URL, vault.WithAuth(&vault.AppRole{Mount: role.mount, RoleID: vault.Text(role.roleID), SecretID: vault.File(role.secretIDFile)}))
	_, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)

	// Every token of the role, as an administrator would after an incident.
	require.Eventually(t, func() bool { return revokeAppRoleTokens(t, role) }, 10*time.Second, 50*time.Millisecond)
	refs := make([]secrets.Ref, 32)
	for i := range refs {
		refs[i] = ref(kv + "/k")
	}
	for _, res := range p.FetchBatch(t.Context(), refs) {
		require.NoError(t, res.Err)
	}
	assert.Equal(t, 2, g.count("/login"), "one login for all who met the dead token")
}

// revokeAppRoleTokens ends what a role's logins made.
func revokeAppRoleTokens(t testing.TB, role *approle) bool {
	_, err := role.server.Client(t).Logical().Write("sys/leases/revoke-prefix/auth/"+role.mount+"/login", nil)
	if err != nil {
		return false
	}
	accessors, err := role.server.Client(t).Logical().List("auth/token/accessors")
	require.NoError(t, err)
	for _, a := range accessors.Data["keys"].([]any) {
		s, err := role.server.Client(t).Auth().Token().LookupAccessor(a.(string))
		if err == nil && s.Data["path"] == "auth/"+role.mount+"/login" {
			return false
		}
	}
	return true
}

func TestABogusStaticTokenIsUnauthenticatedWithoutALoop(t *testing.T) {
	t.Parallel()
	g := newGateway(t, shared.Addr)
	r := open(t, "secret", g.URL, "token_file="+tokenFile(t, "hvs.bogus"))
	_, err := r.Get(t.Context(), "x/y")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	assert.ErrorContains(t, err, "does not know the token")
	assert.NotContains(t, err.Error(), "hvs.bogus")
	assert.LessOrEqual(t, g.count(""), 2, "%v", g.requests)
}

func TestNoCredentialsIsSaidAtOnceWithWhatWasTried(t *testing.T) {
	t.Parallel()
	r := open(t, "secret", shared.Addr, "")
	start := time.Now()
	_, err := r.Get(t.Context(), "x")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	assert.ErrorContains(t, err, "VAULT_TOKEN")
	assert.Less(t, time.Since(start), 2*time.Second)
}

func TestARateLimitQuotaIsThrottledWithItsRetryAfter(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	quota := unique("quota")
	write(t, shared, "sys/quotas/config", map[string]any{"enable_rate_limit_response_headers": true})
	p := provider(t, shared, shared.Addr)
	_, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
	write(t, shared, "sys/quotas/rate-limit/"+quota, map[string]any{"path": kv + "/", "rate": 1, "interval": "30s"})
	t.Cleanup(func() { _, _ = shared.Client(t).Logical().Delete("sys/quotas/rate-limit/" + quota) })
	for range 3 {
		_, err = p.Fetch(t.Context(), ref(kv+"/k"))
	}
	require.ErrorIs(t, err, secrets.ErrThrottled)
	var again interface{ RetryAfter() time.Duration }
	require.True(t, errors.As(err, &again))
	assert.Greater(t, again.RetryAfter(), time.Second)
}

func TestTheTokenNeverGoesToAnotherHost(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer other.Close()
	g := newGateway(t, shared.Addr)
	g.set(func(g *gateway) {
		g.answer = func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
	})
	role := newAppRole(t, shared, nil)
	byURI := open(t, "secret", g.URL, "token_file="+rootTokenFile(t, shared))
	login := open(t, "secret", g.URL, role.options())
	for name, get := range map[string]func() error{
		"a client of ours":  func() error { _, err := byURI.Get(t.Context(), "k"); return err },
		"a client of yours": func() error { _, err := provider(t, shared, g.URL).Fetch(t.Context(), ref("secret/k")); return err },
		"a login":           func() error { _, err := login.Get(t.Context(), "k"); return err },
	} {
		err := get()
		require.ErrorIs(t, err, secrets.ErrUnavailable, name)
		assert.ErrorContains(t, err, "redirect", name)
		assert.NotContains(t, err.Error(), shared.Token)
	}
	assert.Zero(t, seen.Load())
}

func TestARedirectToTheSameHostIsFollowedOnce(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	g := newGateway(t, shared.Addr)
	var times atomic.Int32
	g.set(func(g *gateway) {
		g.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if times.Add(1)%2 == 1 {
				http.Redirect(w, r, g.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
			return false
		}
	})
	_, err := provider(t, shared, g.URL).Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
}

func TestPlainHTTPToAnotherMachineIsRefusedUnlessItIsMeant(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://vault.example.com:8200", "http://10.1.2.3:8200", "http://[2001:db8::1]:8200"} {
		_, err := secrets.Open(t.Context(), "vault://secret?address="+address+"&token_file="+rootTokenFile(t, shared))
		require.ErrorIs(t, err, secrets.ErrInvalid, address)
		assert.ErrorContains(t, err, "use https")
		client := shared.Client(t)
		require.NoError(t, client.SetAddress(address))
		_, err = newProvider(t, client).Fetch(t.Context(), ref("secret/k"))
		require.ErrorIs(t, err, secrets.ErrInvalid, address)
	}
	client := shared.Client(t)
	require.NoError(t, client.SetAddress("http://127.0.0.2:1"))
	_, err := newProvider(t, client).Fetch(t.Context(), ref("secret/k"))
	require.ErrorIs(t, err, secrets.ErrUnavailable, "loopback may be plain")
	require.NoError(t, client.SetAddress("http://vault.invalid:1"))
	_, err = newProvider(t, client, vault.WithPlainHTTP()).Fetch(t.Context(), ref("secret/k"))
	require.ErrorIs(t, err, secrets.ErrUnavailable, "it was meant")
}

func TestWhatIsNotVaultIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"a captive portal": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>log in, secretbody</html>"))
		},
		"a 404 page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such page, secretbody", 404) },
		"other JSON": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"status":"ok","b":"secretbody"}`))
		},
		"a broken gateway": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secretbody", http.StatusBadGateway) },
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"request_id":"secretbody`))
		},
		"an empty answer": func(http.ResponseWriter, *http.Request) {},
	} {
		g := newGateway(t, shared.Addr)
		g.set(func(g *gateway) {
			g.answer = func(w http.ResponseWriter, r *http.Request) bool { handler(w, r); return true }
		})
		for _, r := range []secrets.Ref{ref("secret/k"), ref("secret/k", "mount", "secret", "kv", "2"), ref("db/k", "mount", "db", "engine", "database")} {
			_, err := provider(t, shared, g.URL).Fetch(t.Context(), r)
			require.ErrorIs(t, err, secrets.ErrUnavailable, name)
			assert.NotContains(t, err.Error(), "secretbody", name)
		}
	}
}

// It sets variables of the process, so that it runs alone.
func TestExplicitOptionsWinOverTheEnvironment(t *testing.T) {
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	rootFile := rootTokenFile(t, shared)
	for name, value := range map[string]string{
		"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "hvs.wrong",
		"VAULT_WRAP_TTL": "60", "VAULT_MAX_RETRIES": "5",
	} {
		t.Setenv(name, value)
	}
	g := newGateway(t, shared.Addr)
	assert.Equal(t, "x", reveal(t, open(t, kv, g.URL, "token_file="+rootFile), "k"))

	t.Run("and the environment does where nothing is said", func(t *testing.T) {
		t.Setenv("VAULT_ADDR", shared.Addr)
		require.NoError(t, os.Unsetenv("VAULT_AGENT_ADDR"))
		t.Setenv("VAULT_TOKEN", shared.Token)
		r, err := secrets.Open(t.Context(), "vault://"+kv)
		require.NoError(t, err)
		defer r.Close()
		assert.Equal(t, "x", reveal(t, r, "k"))
	})
	t.Run("a namespace", func(t *testing.T) {
		t.Setenv("VAULT_NAMESPACE", "from-environment")
		var got atomic.Value
		g := newGateway(t, shared.Addr)
		g.set(func(g *gateway) {
			g.answer = func(_ http.ResponseWriter, r *http.Request) bool {
				got.Store(strings.Join(r.Header.Values("X-Vault-Namespace"), "+"))
				return false
			}
		})
		_, _ = open(t, kv, g.URL, "namespace=explicit&token_file="+rootFile).Get(t.Context(), "k")
		assert.Equal(t, "explicit", got.Load())
	})
	t.Run("an unusable variable is Invalid and not repeated", func(t *testing.T) {
		t.Setenv("VAULT_HTTP_PROXY", "http://user:hunter2@%zz")
		_, err := open(t, kv, g.URL, "token_file="+rootFile).Get(t.Context(), "k")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.NotContains(t, err.Error(), "hunter2")
	})
}
