package vault_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

// secretToRead makes a secret and a policy that reads it.
func secretToRead(t testing.TB) (kv, pol string) {
	t.Helper()
	kv = kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	return kv, reader(t, shared, kv)
}

// every makes a resolver read at each Get, so that each one meets the token.
var every = secrets.WithTTL(0)

func TestATokenFileIsReadAgainWhenItIsReplaced(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	one := token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}})
	two := token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}})
	path := tokenFile(t, one)
	r := open(t, kv, shared.Addr, "token_file="+path, every)
	assert.Equal(t, "x", reveal(t, r, "k"))

	require.NoError(t, shared.Client(t).Auth().Token().RevokeTree(one))
	_, err := r.Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	writeFile(t, path, two)
	require.Eventually(t, func() bool { _, err := r.Get(t.Context(), "k"); return err == nil }, 10*time.Second, 50*time.Millisecond)
}

func TestATokenFileThatChangesBetweenTheReadAndTheAnswerIsTriedAgain(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	live := token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}})
	calls := 0
	p := provider(t, shared, shared.Addr, vault.WithToken(func() (string, error) {
		if calls++; calls == 1 {
			return "hvs.replaced", nil
		}
		return live, nil
	}))
	_, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
}

func TestOfATokenWithOneUseTheReadIsThatUse(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	path := tokenFile(t, token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}, NumUses: 1}))
	r := open(t, kv, shared.Addr, "kv=2&mount="+kv+"&token_file="+path)
	assert.Equal(t, "x", reveal(t, r, "k"))
}

func TestARootTokenIsNeitherRenewedNorRevoked(t *testing.T) {
	t.Parallel()
	kv, _ := secretToRead(t)
	root := token(t, shared, &api.TokenCreateRequest{Policies: []string{"root"}})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, "token_file="+tokenFile(t, root))
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.Eventually(t, func() bool { return g.count("lookup-self") == 1 }, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, r.Close())
	assert.Zero(t, g.count("renew-self")+g.count("revoke-self"))
	client := shared.Client(t)
	client.SetToken(root)
	_, err := client.Auth().Token().LookupSelf()
	require.NoError(t, err, "it lives")
}

func TestAPlainTokenIsRenewed(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	short := token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}, TTL: "3s"})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, "token_file="+tokenFile(t, short), every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.Eventually(t, func() bool { return g.count("renew-self") >= 3 }, 15*time.Second, 50*time.Millisecond)
	assert.Equal(t, "x", reveal(t, r, "k"), "long after it would have lapsed")
}

func TestATokenWithoutTheDefaultPolicyIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	bare := token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}, NoDefaultPolicy: true})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, "token_file="+tokenFile(t, bare), every)
	for range 5 {
		assert.Equal(t, "x", reveal(t, r, "k"))
	}
	require.Eventually(t, func() bool { return g.count("lookup-self") == 1 }, 5*time.Second, 10*time.Millisecond)
	assert.Equal(t, "x", reveal(t, r, "k"))
	assert.Equal(t, 1, g.count("lookup-self"))
}

func TestAppRoleLogsInOnceAndRevokesItsTokenOnClose(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options(), every)
	for range 5 {
		assert.Equal(t, "x", reveal(t, r, "k"))
	}
	require.NoError(t, r.Close())
	assert.Equal(t, 1, g.count("/login"))
	assert.Equal(t, 1, g.count("revoke-self"))
}

func TestDetachLeavesTheTokenAlive(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options())
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.NoError(t, r.Detach())
	assert.Zero(t, g.count("revoke"))
}

// The rule with a simulated clock is in package vault. Here the server's clock
// goes on while this machine stalls, and a token that lapsed meanwhile says
// nothing: then it is tried again with one that lives longer.
func TestAOneUseSecretIDServesUntilTheTokensGreatestAge(t *testing.T) {
	t.Parallel()
	for life := 4 * time.Second; !oneUseSecretID(t, life); life *= 2 {
		require.Less(t, life, time.Minute, "this machine stalls for too long")
	}
}

// oneUseSecretID reads with a secret id that is good for one login, until its
// token has reached two and a half lives. It returns false if the token lapsed
// because nobody asked for its renewal in time.
func oneUseSecretID(t *testing.T, life time.Duration) (judged bool) {
	kv, pol := secretToRead(t)
	greatest := life * 5 / 2
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "secret_id_num_uses": 1, "token_ttl": life.String(), "token_max_ttl": greatest.String()})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options(), every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	start := time.Now()
	require.Eventually(t, func() bool {
		_, err := r.Get(t.Context(), "k")
		return errors.Is(err, secrets.ErrUnauthenticated)
	}, 2*greatest, 20*time.Millisecond)
	served := time.Since(start)
	if served < greatest*7/10 && g.gap("renew-self", start) > life*9/10 {
		return false
	}
	assert.Greater(t, served, greatest*7/10, "renewals carried it there")
	assert.Equal(t, 1, g.countBefore("/login", "renew-self", 2), "two renewals, and no login")
	_, err := r.Get(t.Context(), "k")
	assert.ErrorContains(t, err, "deliver a new secret id")
	logins := g.count("/login")
	for range 20 {
		_, _ = r.Get(t.Context(), "k")
	}
	assert.LessOrEqual(t, g.count("/login"), logins+1, "a refused secret id is not hammered")

	role.deliver(t)
	require.Eventually(t, func() bool { _, err := r.Get(t.Context(), "k"); return err == nil }, 10*time.Second, 50*time.Millisecond,
		"a new secret id is tried at once")
	return true
}

func TestAWrappedSecretIDIsUnwrappedOnce(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	wrap := func() string {
		client := shared.Client(t)
		client.SetWrappingLookupFunc(func(string, string) string { return "60s" })
		s, err := client.Logical().Write("auth/"+role.mount+"/role/app/secret-id", nil)
		require.NoError(t, err)
		return s.WrapInfo.Token
	}
	wrapping := wrap()
	writeFile(t, role.secretIDFile, wrapping)
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options()+"&secret_id_wrapped=true", every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.Eventually(t, func() bool { return revokeAppRoleTokens(t, role) }, 10*time.Second, 50*time.Millisecond)
	assert.Equal(t, "x", reveal(t, r, "k"), "the secret id is kept for later logins")
	assert.Equal(t, 2, g.count("/login"))
	assert.Equal(t, 1, g.count("wrapping/unwrap"))

	late := open(t, kv, g.URL, role.options()+"&secret_id_wrapped=true&timeout=9s")
	_, err := late.Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	assert.ErrorContains(t, err, "SOMEBODY ELSE MAY HAVE UNWRAPPED IT")
	assert.NotContains(t, err.Error(), wrapping)

	writeFile(t, role.secretIDFile, wrap())
	require.Eventually(t, func() bool { _, err := late.Get(t.Context(), "k"); return err == nil }, 10*time.Second, 50*time.Millisecond)
}

func TestABatchTokenIsReplacedBeforeItLapses(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_type": "batch", "token_ttl": "3s"})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options(), every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.Eventually(t, func() bool {
		assert.Equal(t, "x", reveal(t, r, "k"))
		return g.count("/login") >= 3
	}, 15*time.Second, 20*time.Millisecond)
	assert.Zero(t, g.count("renew-self"), "batch tokens cannot be renewed")
}

func TestALoginWithoutTheDefaultPolicyIsReplacedInsteadOfRenewed(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_no_default_policy": true, "token_ttl": "3s"})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options(), every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.Eventually(t, func() bool {
		assert.Equal(t, "x", reveal(t, r, "k"))
		return g.count("/login") >= 3
	}, 15*time.Second, 20*time.Millisecond)
	assert.LessOrEqual(t, g.count("renew-self"), g.count("/login"))
	require.NoError(t, r.Close(), "that it may not revoke itself is normal")
}

func TestWrongCredentialsAreUnauthenticatedAndNotHammered(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	good := role.secretID(t)
	writeFile(t, role.secretIDFile, "not-a-secret-id")
	g := newGateway(t, shared.Addr)
	p := provider(t, shared, g.URL, vault.WithAuth(&vault.AppRole{Mount: role.mount, RoleID: vault.File(role.roleIDFile), SecretID: vault.File(role.secretIDFile)}))
	var err error
	for range 50 {
		_, err = p.Fetch(t.Context(), ref(kv+"/k"))
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	}
	assert.Equal(t, 1, g.count("/login"))
	assert.NotContains(t, err.Error(), "not-a-secret-id")
	assert.ErrorContains(t, err, "it is not sent again until it changes")

	writeFile(t, role.secretIDFile, good)
	_, err = p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err, "other credentials are tried at once")

	for name, options := range map[string]string{
		"an unknown role id": "auth=approle&auth_mount=" + role.mount + "&role_id=wrong&secret_id_file=" + role.secretIDFile,
		"no file":            "auth=approle&auth_mount=" + role.mount + "&role_id=wrong&secret_id_file=/nonexistent",
		"no role id":         "auth=approle",
	} {
		_, err := open(t, kv, shared.Addr, options).Get(t.Context(), "k")
		assert.ErrorIs(t, err, secrets.ErrUnauthenticated, name)
	}
	_, err = open(t, kv, shared.Addr, "auth=approle&auth_mount=nowhere&role_id=x").Get(t.Context(), "k")
	assert.Error(t, err)
}

func TestUserpassLogsInAndDoesNotLockTheAccount(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	mount := enableAuth(t, shared, "userpass")
	write(t, shared, "auth/"+mount+"/users/app", map[string]any{"password": "right", "token_policies": pol})
	path := filepath.Join(t.TempDir(), "password")
	writeFile(t, path, "right\n")
	options := "auth=userpass&auth_mount=" + mount + "&username=app&password_file=" + path
	assert.Equal(t, "x", reveal(t, open(t, kv, shared.Addr, options), "k"))

	writeFile(t, path, "wrong")
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, options)
	for range 30 {
		_, err := r.Get(t.Context(), "k")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	}
	assert.Equal(t, 1, g.count("/login"))
	writeFile(t, path, "right")
	require.Eventually(t, func() bool { _, err := r.Get(t.Context(), "k"); return err == nil }, 10*time.Second, 50*time.Millisecond)
}

func TestCertLogsInWithTheClientCertificate(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	mount := enableAuth(t, shared, "cert")
	write(t, shared, "auth/"+mount+"/certs/app", map[string]any{"certificate": readFile(t, shared.CAFile), "token_policies": pol})
	cert, key := shared.ClientCertificate()
	tls := "&ca_cert=" + shared.CAFile
	r := open(t, kv, shared.TLSAddr, "auth=cert&auth_mount="+mount+"&role=app&client_cert="+cert+"&client_key="+key+tls)
	assert.Equal(t, "x", reveal(t, r, "k"))

	_, err := secrets.Open(t.Context(), "vault://"+kv+"?address="+shared.TLSAddr+"&auth=cert&auth_mount="+mount+tls)
	require.ErrorIs(t, err, secrets.ErrInvalid, "without a certificate")
	_, err = open(t, kv, shared.TLSAddr, "token_file="+rootTokenFile(t, shared)).Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "VAULT_CACERT", "a server that is not trusted: what to set is said")
	_, err = open(t, kv, "https://"+shared.Addr[len("http://"):], "token_file="+rootTokenFile(t, shared)).Get(t.Context(), "k")
	assert.ErrorContains(t, err, "plain HTTP")
}

// An AuthMethod of the user's own, or one of vault/api/auth's, does as well.
type ownMethod func(ctx context.Context, client *api.Client) (*api.Secret, error)

func (m ownMethod) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return m(ctx, client)
}

func TestAnyLoginMethodMayBeUsed(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	p := provider(t, shared, shared.Addr, vault.WithAuth(ownMethod(func(ctx context.Context, client *api.Client) (*api.Secret, error) {
		return client.Logical().WriteWithContext(ctx, "auth/"+role.mount+"/login", map[string]any{"role_id": role.roleID, "secret_id": readFile(t, role.secretIDFile)})
	})))
	_, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)

	hangs := provider(t, shared, shared.Addr, vault.WithAuth(ownMethod(func(context.Context, *api.Client) (*api.Secret, error) {
		select {}
	})))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = hangs.Fetch(ctx, ref(kv+"/k"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	start := time.Now()
	require.NoError(t, hangs.Close())
	assert.Less(t, time.Since(start), 3*time.Second, "Close does not wait for it")

	panics := provider(t, shared, shared.Addr, vault.WithAuth(ownMethod(func(context.Context, *api.Client) (*api.Secret, error) {
		panic("with a secret")
	})))
	_, err = panics.Fetch(t.Context(), ref(kv+"/k"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.NotContains(t, err.Error(), "with a secret")
}
