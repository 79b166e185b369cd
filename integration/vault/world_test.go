package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

// A replica whose secret id was destroyed must not lock the role for those
// with a good one: Vault locks it after five refusals within a quarter of an
// hour.
func TestAReplicaWithADestroyedSecretIDDoesNotLockTheRole(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	good := role.options()
	bad := filepath.Join(t.TempDir(), "secret-id")
	destroyed := role.secretID(t)
	writeFile(t, bad, destroyed)
	write(t, shared, "auth/"+role.mount+"/role/app/secret-id/destroy", map[string]any{"secret_id": destroyed})
	g := newGateway(t, shared.Addr)
	replica := open(t, kv, g.URL, "auth=approle&auth_mount="+role.mount+"&role_id_file="+role.roleIDFile+"&secret_id_file="+bad, every)
	for start := time.Now(); time.Since(start) < 12*time.Second; time.Sleep(50 * time.Millisecond) {
		_, err := replica.Get(t.Context(), "k")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	}
	assert.Equal(t, 1, g.count("/login"))
	assert.Equal(t, "x", reveal(t, open(t, kv, shared.Addr, good), "k"), "the role is not locked")
	writeFile(t, bad, role.secretID(t))
	require.Eventually(t, func() bool { _, err := replica.Get(t.Context(), "k"); return err == nil }, 10*time.Second, 50*time.Millisecond, "a new one is sent")
}

// plainRefusals makes a server of today answer as OpenBao does, and Vault
// before 1.17: a token that was revoked gets two words.
func plainRefusals(g *gateway, s string) {
	client := &http.Client{}
	g.set(func(g *gateway) {
		g.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/login") {
				return false
			}
			req, err := http.NewRequestWithContext(r.Context(), r.Method, s+r.URL.RequestURI(), r.Body)
			if err != nil {
				return false
			}
			req.Header = r.Header.Clone()
			resp, err := client.Do(req)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			var body json.RawMessage
			_ = json.NewDecoder(resp.Body).Decode(&body)
			if resp.StatusCode == http.StatusForbidden {
				body = json.RawMessage(`{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`)
			}
			w.WriteHeader(resp.StatusCode)
			_, _ = w.Write(body)
			return true
		}
	})
}

func TestATokenThatIsRevokedOverAndOverCostsNoReadWhateverTheServerSaysOfIt(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	g := newGateway(t, shared.Addr)
	plainRefusals(g, shared.Addr)
	r := open(t, kv, g.URL, role.options(), every)
	for i := range 40 {
		if i%10 == 5 {
			revokeTokens(t, role)
		}
		assert.Equal(t, "x", reveal(t, r, "k"), "read %d", i)
	}
	assert.Equal(t, 5, g.count("/login"))
}

// revokeTokens revokes what was logged in for with a role.
func revokeTokens(t testing.TB, role *approle) {
	t.Helper()
	require.NoError(t, role.server.Client(t).Sys().RevokePrefix("auth/"+role.mount+"/"))
}

func TestATokenWithTenUsesServesThirtyReads(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_num_uses": 10})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options(), every)
	for i := range 30 {
		assert.Equal(t, "x", reveal(t, r, "k"), "read %d", i)
	}
	assert.Equal(t, 4, g.count("/login"), "31 requests")
}

func TestAPeriodicTokenWhosePeriodWasMadeShorterLivesOn(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	name := unique("role")
	write(t, shared, "auth/token/roles/"+name, map[string]any{"allowed_policies": pol, "period": "6s", "orphan": true})
	secret := write(t, shared, "auth/token/create/"+name, map[string]any{"policies": []string{pol}})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, "token_file="+tokenFile(t, secret.Auth.ClientToken), every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	write(t, shared, "auth/token/roles/"+name, map[string]any{"allowed_policies": pol, "period": "3s", "orphan": true})
	require.Eventually(t, func() bool { return g.count("renew-self") >= 4 }, 20*time.Second, 100*time.Millisecond)
	assert.Equal(t, "x", reveal(t, r, "k"))
}

func TestWrappedAndJSONTokensOfFilesAreUsed(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	client := shared.Client(t)
	client.SetWrappingLookupFunc(func(string, string) string { return "5m" })
	wrapped, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{pol}})
	require.NoError(t, err)
	text, err := json.Marshal(map[string]any{"wrap_info": wrapped.WrapInfo})
	require.NoError(t, err)
	path := tokenFile(t, string(text))
	r := open(t, kv, shared.Addr, "token_file="+path, every)
	for range 3 {
		assert.Equal(t, "x", reveal(t, r, "k"))
	}
	again := open(t, kv, shared.Addr, "token_file="+path)
	_, err = again.Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated, "it is good for one use")
	assert.ErrorContains(t, err, "SOMEBODY ELSE MAY HAVE UNWRAPPED IT")

	plain, err := json.Marshal(map[string]any{"auth": map[string]string{"client_token": token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}})}})
	require.NoError(t, err)
	assert.Equal(t, "x", reveal(t, open(t, kv, shared.Addr, "token_file="+tokenFile(t, string(plain))), "k"))
}

func TestAnUnknownRoleIsNotFoundInEveryEngine(t *testing.T) {
	t.Parallel()
	p := provider(t, shared, shared.Addr, vault.WithToken(vault.Text(shared.Token)))
	for engine, path := range map[string]string{
		"aws": "creds/none", "consul": "creds/none", "nomad": "creds/none", "totp": "code/none", "rabbitmq": "creds/none",
		"database": "creds/none", "pki": "issue/none", "ssh": "sign/none", "kubernetes": "creds/none", "gcp": "roleset/none/token",
		"azure": "creds/none", "ldap": "creds/none", "mongodbatlas": "creds/none", "terraform": "creds/none", "alicloud": "creds/none",
		"transit": "keys/none", "openldap": "static-cred/none",
	} {
		t.Run(engine+" "+path, func(t *testing.T) {
			mount := unique(engine)
			if err := shared.Client(t).Sys().Mount(mount, &api.MountInput{Type: engine}); err != nil {
				t.Skip("the server has no such engine")
			}
			options := []string{}
			switch engine {
			case "pki":
				options = []string{"common_name", "a.example"}
			case "ssh":
				options = []string{"public_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDN6tE3Zq5hZ3Y3x0Qp0Y6Hq7i4aWq0Qm2zv7nq5xk1u"}
			case "azure":
				write(t, shared, mount+"/config", map[string]any{"subscription_id": "s", "tenant_id": "t", "client_id": "c", "client_secret": "s"})
			case "kubernetes":
				options = []string{"kubernetes_namespace", "default"}
			}
			_, err := p.Fetch(t.Context(), ref(mount+"/"+path, options...))
			assert.ErrorIs(t, err, secrets.ErrNotFound)
			t.Log(err)
		})
	}
}

func TestTheSettingsOfAnAuthMethodsRoleReadAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	role := newAppRole(t, shared, map[string]any{"token_ttl": "60s"})
	p := provider(t, shared, shared.Addr, vault.WithToken(vault.Text(shared.Token)))
	v, err := p.Fetch(t.Context(), ref("auth/"+role.mount+"/role/app"))
	require.NoError(t, err)
	assert.Contains(t, string(v.Data), `"token_ttl":60`)
	assert.True(t, v.Expires.IsZero() && v.RefreshAt.IsZero(), "its ttl is a setting")
	_, err = p.Fetch(t.Context(), ref("auth/"+role.mount+"/role/none"))
	assert.ErrorIs(t, err, secrets.ErrNotFound)
	v, err = p.Fetch(t.Context(), ref("auth/"+role.mount+"/role/app/role-id"))
	require.NoError(t, err)
	assert.Contains(t, string(v.Data), role.roleID)
}

func TestWhatAFailingDatabaseSaysIsInTheError(t *testing.T) {
	t.Parallel()
	db := unique("db")
	mountEngine(t, shared, db, "database", nil)
	write(t, shared, db+"/config/pg", map[string]any{
		"plugin_name": "postgresql-database-plugin", "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:1/x?sslmode=disable&connect_timeout=1",
		"username": "root", "password": "canary-of-a-password", "allowed_roles": "*", "verify_connection": false,
	})
	write(t, shared, db+"/roles/app", map[string]any{"db_name": "pg", "creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}';`})
	p := provider(t, shared, shared.Addr, vault.WithToken(vault.Text(shared.Token)))
	_, err := p.Fetch(t.Context(), ref(db+"/creds/app"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "it says: ")
	assert.ErrorContains(t, err, "refused")
	assert.NotContains(t, err.Error(), "canary-of-a-password")
	t.Log(err)
}

func TestAnIdentityTokenEndsByItsTTL(t *testing.T) {
	t.Parallel()
	key, role := unique("key"), unique("role")
	write(t, shared, "identity/oidc/key/"+key, map[string]any{"allowed_client_ids": "*", "rotation_period": "1m", "verification_ttl": "1m"})
	write(t, shared, "identity/oidc/role/"+role, map[string]any{"key": key, "ttl": "4s"})
	entity := write(t, shared, "identity/entity", map[string]any{"name": unique("app"), "policies": policy(t, shared, `path "identity/oidc/token/*" { capabilities = ["read"] }`)})
	mount := enableAuth(t, shared, "userpass")
	write(t, shared, "auth/"+mount+"/users/app", map[string]any{"password": "right"})
	auths, err := shared.Client(t).Sys().ListAuth()
	require.NoError(t, err)
	write(t, shared, "identity/entity-alias", map[string]any{"name": "app", "canonical_id": entity.Data["id"], "mount_accessor": auths[mount+"/"].Accessor})
	path := filepath.Join(t.TempDir(), "password")
	writeFile(t, path, "right")
	options := "auth=userpass&auth_mount=" + mount + "&username=app&password_file=" + path
	r := open(t, "identity/oidc/token", shared.Addr, options)
	first, err := r.Get(t.Context(), role+"#token")
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(4*time.Second), first.ExpiresAt(), 2*time.Second)
	require.Eventually(t, func() bool {
		now, err := r.Get(t.Context(), role+"#token")
		return assert.NoError(t, err) && assert.True(t, time.Now().Before(now.ExpiresAt())) && now.Reveal() != first.Reveal()
	}, 6*time.Second, 50*time.Millisecond)
}

func TestATTLInTheURIOfAStaticRoleIsObeyed(t *testing.T) {
	t.Parallel()
	kv1 := kvMount(t, shared, 1)
	put(t, shared, kv1, 1, "hinted", map[string]any{"value": "one", "ttl": "2s"})
	r := asRoot(t, shared, kv1)
	assert.Equal(t, "one", reveal(t, r, "hinted"))
	put(t, shared, kv1, 1, "hinted", map[string]any{"value": "two", "ttl": "2s"})
	require.Eventually(t, func() bool { return reveal(t, r, "hinted") == "two" }, 5*time.Second, 50*time.Millisecond, "what a secret of KV 1 says of its ttl is the time of the next read")
}

func TestEnginesThatArePostedToMakeWhatTheyMake(t *testing.T) {
	t.Parallel()
	sshMount := unique("ssh")
	mountEngine(t, shared, sshMount, "ssh", nil)
	write(t, shared, sshMount+"/config/ca", map[string]any{"generate_signing_key": true, "key_type": "ed25519"})
	write(t, shared, sshMount+"/roles/app", map[string]any{"key_type": "ca", "allow_user_certificates": true, "allowed_users": "*", "ttl": "1h", "allow_user_key_ids": false, "default_user": "app"})
	write(t, shared, sshMount+"/roles/otp", map[string]any{"key_type": "otp", "default_user": "app", "cidr_list": "10.0.0.0/8"})
	pki := unique("pki")
	mountEngine(t, shared, pki, "pki", nil)
	write(t, shared, pki+"/root/generate/internal", map[string]any{"common_name": "root.example", "ttl": "24h"})
	write(t, shared, pki+"/roles/web", map[string]any{"allow_any_name": true, "enforce_hostnames": false, "ttl": "1h", "key_type": "any"})

	p := provider(t, shared, shared.Addr, vault.WithToken(vault.Text(shared.Token)))
	public := sshPublicKey(t)
	v, err := p.Fetch(t.Context(), ref(sshMount+"/sign/app", "public_key", public, "valid_principals", "app", "cert_ttl", "10m"))
	require.NoError(t, err)
	assert.Contains(t, string(v.Data), "signed_key")
	assert.WithinDuration(t, time.Now().Add(10*time.Minute), v.Expires, time.Minute, "which only the key itself says")
	assert.True(t, v.RefreshAt.Before(v.Expires))

	v, err = p.Fetch(t.Context(), ref(sshMount+"/issue/app", "key_type", "ed25519", "valid_principals", "app"))
	require.NoError(t, err)
	assert.Contains(t, string(v.Data), "private_key")
	assert.WithinDuration(t, time.Now().Add(time.Hour), v.Expires, time.Minute)

	v, err = p.Fetch(t.Context(), ref(sshMount+"/creds/otp", "ip", "10.1.2.3"))
	require.NoError(t, err)
	assert.Contains(t, string(v.Data), `"key_type":"otp"`)

	v, err = p.Fetch(t.Context(), ref(pki+"/sign/web", "csr", certificateRequest(t), "common_name", "a.example", "cert_ttl", "30m"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), v.Expires, time.Minute)

	for path, options := range map[string][]string{
		pki + "/issue/web":       {"cert_type", "user"},
		sshMount + "/sign/app":   {"csr", certificateRequest(t)},
		sshMount + "/public_key": {"ip", "10.0.0.1"},
	} {
		_, err := p.Fetch(t.Context(), ref(path, options...))
		assert.ErrorIs(t, err, secrets.ErrInvalid, path)
		assert.ErrorContains(t, err, "means nothing here", path)
	}
}

func TestTheServersAuthorityMayBeReplacedWhileAProcessRuns(t *testing.T) {
	t.Parallel()
	kv, _ := secretToRead(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	original, err := os.ReadFile(shared.CAFile)
	require.NoError(t, err)
	writeFile(t, file, string(original))
	r := open(t, kv, shared.TLSAddr, fmt.Sprintf("ca_cert=%s&token_file=%s", file, rootTokenFile(t, shared)), every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	other := filepath.Join(t.TempDir(), "other.pem")
	require.NoError(t, os.WriteFile(other, selfSigned(t), 0o600))
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	writeFile(t, file, string(text))
	_, err = r.Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnavailable, "another authority is believed at once, and the old one no longer")
	writeFile(t, file, string(text)+string(original))
	require.Eventually(t, func() bool { _, err := r.Get(t.Context(), "k"); return err == nil }, 10*time.Second, 50*time.Millisecond)
}
