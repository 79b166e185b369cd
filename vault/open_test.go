package vault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestAnOptionThatMeansNothingIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Setenv("VAULT_AGENT_ADDR", "")
	for name, options := range map[string]setup{
		"unknown":                        {"adress": "https://x"},
		"empty":                          {"namespace": ""},
		"no boolean":                     {"renew": "yes"},
		"no duration":                    {"timeout": "5"},
		"unknown method":                 {"auth": "oidc"},
		"a package that is not imported": {"auth": "aws", "role": "x"},
		"a role without a login":         {"role": "app"},
		"another method's option":        {"auth": "kubernetes", "role": "app", "role_id": "x"},
		"kubernetes without a role":      {"auth": "kubernetes"},
		"jwt without a file":             {"auth": "jwt"},
		"cert without a certificate":     {"auth": "cert"},
		"half a client certificate":      {"auth": "cert", "client_cert": "/x"},
		"userpass without a password":    {"auth": "userpass", "username": "app"},
		"a login behind an agent":        {"agent": "http://127.0.0.1:8100", "auth": "approle", "role_id": "x"},
		"plain http to another machine":  {"address": "http://vault.example.com"},
		"an address with the API's path": {"address": "https://vault.example.com:8200/v1/"},
		"no address":                     {"address": "https://%zz"},
		"a CA file that is not there":    {"ca_cert": "/nonexistent"},
	} {
		_, err := open(options)
		assert.ErrorIs(t, err, secrets.ErrInvalid, name)
	}
	_, err := open(setup{"auth": "aws"})
	assert.ErrorContains(t, err, `import _ "github.com/go-secrets/secrets/vault/authaws"`)
	_, err = open(setup{"auth": "kuberntes"})
	assert.ErrorContains(t, err, "kubernetes", "what there is")
	_, err = open(setup{"address": "http://127.0.0.1:8200/v1"})
	assert.ErrorContains(t, err, "leave it out of VAULT_ADDR")
}

func TestALoginIsChosenByWhatIsGiven(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"VAULT_AGENT_ADDR", "VAULT_TOKEN", "VAULT_ADDR", "VAULT_ROLE_ID", "VAULT_SECRET_ID"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	opened := func(options setup) *provider {
		p, err := open(options)
		require.NoError(t, err)
		return p.(*Provider).in()
	}
	assert.IsType(t, &AppRole{}, opened(setup{"role_id": "x"}).session.method)
	assert.IsType(t, &Kubernetes{}, opened(setup{"auth": "kubernetes", "role": "app"}).session.method)
	assert.True(t, opened(setup{"agent": "http://127.0.0.1:8100"}).session.agent())

	p := opened(nil)
	_, err := p.session.source()
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".vault-token"), []byte("from-login\n"), 0o600))
	token, err := p.session.source()
	require.NoError(t, err)
	assert.Equal(t, "from-login", token, "where vault login leaves it, also after the opening")
	t.Setenv("VAULT_TOKEN", "from-environment")
	token, err = p.session.source()
	require.NoError(t, err)
	assert.Equal(t, "from-environment", token)

	t.Setenv("VAULT_ROLE_ID", "role")
	t.Setenv("VAULT_SECRET_ID", "secret")
	m := opened(setup{"auth": "approle"}).session.method.(*AppRole)
	role, err := m.RoleID()
	require.NoError(t, err)
	secret, err := m.SecretID()
	require.NoError(t, err)
	assert.Equal(t, []string{"role", "secret"}, []string{role, secret})
}

func TestAMountIsFoundBySegments(t *testing.T) {
	var ms mounts
	ms.remember(mount{path: "team/kv", engine: engineKV, kv: 2})
	ms.remember(mount{path: "secret", engine: engineKV, kv: 1})
	for path, want := range map[string]string{
		"team/kv/a": "team/kv", "team/kv": "team/kv", "team/kvx/a": "", "team": "", "secret/a/b/c": "secret", "secrets/a": "", "": "",
	} {
		m, ok := ms.lookup(path)
		assert.Equal(t, want != "", ok, path)
		assert.Equal(t, want, m.path, path)
	}
	assert.Equal(t, "a", mount{path: "s", engine: engineKV, kv: 2}.rest("s/data/a"))
	assert.Equal(t, "data/a", mount{path: "s", engine: engineKV, kv: 2}.rest("s/data/data/a"))
	assert.Equal(t, "data/a", mount{path: "s", engine: engineKV, kv: 1}.rest("s/data/a"))
}

func TestAnAskerWhoGivesUpDoesNotFailTheOthers(t *testing.T) {
	f := &fakeVault{ttl: 60}
	p := f.provider(t, WithToken(Text("t")), WithoutRenewal())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.Fetch(ctx, secrets.Ref{Path: "kv/x"})
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	require.NoError(t, fetch(p))
}

func TestAProviderThatWasMadeWronglySaysSoFromEveryMethod(t *testing.T) {
	for name, p := range map[string]*Provider{
		"no client":          New(nil),
		"two ways to log in": (&fakeVault{}).provider(t, WithToken(Text("t")), WithAgent()),
	} {
		assert.ErrorIs(t, fetch(p), secrets.ErrInvalid, name)
		for _, err := range p.List(context.Background(), "") {
			assert.ErrorIs(t, err, secrets.ErrInvalid, name)
		}
		for _, res := range p.FetchBatch(context.Background(), make([]secrets.Ref, 2)) {
			assert.ErrorIs(t, res.Err, secrets.ErrInvalid, name)
		}
		_, err := p.Renew(context.Background(), secrets.Value{})
		assert.ErrorIs(t, err, secrets.ErrInvalid, name)
		assert.ErrorIs(t, p.Revoke(context.Background(), secrets.Value{}), secrets.ErrInvalid, name)
		assert.NoError(t, p.Close(), name)
		assert.NoError(t, p.Detach(), name)
	}
}

func TestALeaseOfSomebodyElseIsNotRenewed(t *testing.T) {
	p := (&fakeVault{}).provider(t, WithToken(Text("t")))
	_, err := p.Renew(context.Background(), secrets.Value{Lease: "not ours", Expires: time.Now()})
	assert.True(t, errors.Is(err, errors.ErrUnsupported))
	assert.NoError(t, p.Revoke(context.Background(), secrets.Value{Lease: "not ours"}))
}

func FuzzDocumentPathStaysWhereItIs(f *testing.F) {
	for _, s := range []string{"secret/x", "secret/data/x/../../../sys/mounts", "a//b", "/a/", "..", "a/\x00", "a/%2e%2e/b"} {
		f.Add("", s)
		f.Add("secret/prod", s)
	}
	f.Fuzz(func(t *testing.T, base, path string) {
		got, err := documentPath(secrets.Ref{Base: base, Path: path})
		if err != nil {
			return
		}
		// What vault/api makes of it (path.Join) is what was checked.
		if cleaned := filepath.ToSlash(filepath.Join("/v1", got)); cleaned != "/v1/"+got {
			t.Fatalf("%q becomes %q", got, cleaned)
		}
	})
}
