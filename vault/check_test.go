package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
)

// ecKey makes a key of a certificate, or of SSH.
func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// certificateRequest makes one in PEM.
func certificateRequest(t *testing.T) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ecKey(t))
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// publicKey makes one as OpenSSH writes it.
func publicKey(t *testing.T) string {
	t.Helper()
	key, err := ssh.NewPublicKey(ecKey(t).Public())
	require.NoError(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " me@example"
}

var registerChecking = sync.OnceFunc(func() {
	RegisterAuth("checking", func(o AuthOptions) (api.AuthMethod, error) {
		if o.Type == "bad" {
			return nil, errors.New("option auth_type is a")
		}
		return &Cert{}, nil
	})
})

// A checked is one option with values that it can have, beside what else has
// to be in the URI, and values that it cannot.
type checked struct {
	beside string
	right  []string
	wrong  map[string]string // with a part of the text that refuses it
}

func checkedOptions(t *testing.T) map[string]checked {
	file := checked{right: []string{"/run/secrets/x", "x.pem"}, wrong: map[string]string{
		"": "is empty", "hvs.CAESIJmL0mGvC4bq2kqWuQ": "no file name (26 bytes)", "-----BEGIN PRIVATE KEY-----": "no file name (27 bytes)",
	}}
	with := func(c checked, beside string) checked { c.beside = beside; return c }
	yesOrNo := checked{right: []string{"true", "false"}, wrong: map[string]string{
		"maybe": `is true or false, not "maybe"`, "True": "did you mean true?", "": "is empty", "hvs.CAESIJmL0mGvC4bq2kqWuQ": "not what it holds (26 bytes)",
	}}
	mount := checked{right: []string{"x", "team/x", "/x/"}, wrong: map[string]string{"": "empty", "a//b": "empty segment", "../x": "segment ..", "a\nb": "control character"}}
	free := func(values ...string) checked { return checked{right: values} }
	word := func(beside string) checked {
		return checked{beside: beside, right: []string{"app"}, wrong: map[string]string{"": "is empty"}}
	}
	ttl := checked{right: []string{"72h", "3600", "30d", "1h30m"}, wrong: map[string]string{"2w": `not "2w"`, "soon": `is a duration such as 72h, or a number of seconds, not "soon"`, "-1h": `not "-1h"`}}
	address := checked{right: []string{"https://vault.example.com:8200", "http://127.0.0.1:8200", "unix:///run/vault.sock"}, wrong: map[string]string{
		"": "is empty", "vault.example.com:8200": "no address of a server", "ftp://vault": "no address of a server", "https://%zz": "no address",
		"https://vault:99999": "no address", "https//vault.example.com": "no address", "https://https://vault:8200": "no address", "//vault:8200": "no address", "http://vault.example.com": "?allow_http=true", "https://vault/v1": "/v1",
	}}
	return map[string]checked{
		"address": address, "agent": address, "allow_http": yesOrNo, "renew": yesOrNo, "skip_verify": yesOrNo,
		"auth": {beside: "&role=app&jwt_file=x", right: []string{"kubernetes", "jwt"}, wrong: map[string]string{
			"bogus": "option auth is approle, cert, jwt, kubernetes, ldap, token, userpass, ", "kuberntes": "did you mean kubernetes?", "": "is empty",
			"aws": `import _ "github.com/go-secrets/secrets/vault/authaws"`, "approle": "means nothing with auth=approle",
		}},
		"ca_cert": file, "ca_path": file, "token_file": file,
		"client_cert": with(file, "&client_key=x"), "client_key": with(file, "&client_cert=x"),
		"jwt_file": with(file, "&auth=jwt"), "role_id_file": file, "secret_id_file": with(file, "&role_id=x"), "password_file": with(file, "&auth=ldap&username=app"),
		"namespace":       {right: []string{"team-a", "team-a/prod", "root"}, wrong: map[string]string{"": "is empty", "a\nb": "control character"}},
		"timeout":         {right: []string{"5s", "1m30s"}, wrong: map[string]string{"5": `option timeout is a duration such as 5s, not "5"`, "0s": "not", "soon": "not", "-1s": "not"}},
		"tls_server_name": {right: []string{"vault.example.com", "vault", "10.0.0.1", "::1"}, wrong: map[string]string{"https://vault": "the name of a host", "vault:8200": "the name of a host", "": "is empty"}},
		"auth_mount":      with(mount, "&auth=cert&client_cert=x&client_key=y"),
		"auth_account":    {beside: "&auth=checking", right: []string{"a"}, wrong: map[string]string{"": "is empty"}},
		"auth_header":     {beside: "&auth=checking", right: []string{"a"}, wrong: map[string]string{"": "is empty"}},
		"auth_region":     {beside: "&auth=checking", right: []string{"a"}, wrong: map[string]string{"": "is empty"}},
		"auth_type":       {beside: "&auth=checking", right: []string{"a"}, wrong: map[string]string{"": "is empty", "bad": "option auth_type is a"}},
		"role":            word("&auth=kubernetes"), "role_id": word(""),
		"secret_id_wrapped": {beside: "&role_id=x&secret_id_file=y", right: yesOrNo.right, wrong: yesOrNo.wrong},
		"username":          {beside: "&auth=userpass&password_file=x", right: []string{"app", "app@example.com"}, wrong: map[string]string{"a/b": "slash", "..": "segment ..", "": "is empty"}},

		"version": {right: []string{"1", "12"}, wrong: map[string]string{"latest": `option version is a number from 1 on, not "latest"`, "0": `not "0"`, "-1": `not "-1"`, "": "not"}},
		"mount":   with(mount, "&kv=2"),
		"kv":      {beside: "&mount=x", right: []string{"1", "2"}, wrong: map[string]string{"9": `option kv is 1 or 2, not "9"`, "v2": `not "v2"`, "": `not ""`}},
		"engine":  {beside: "&mount=x", right: []string{"database", "my-plugin.v2"}, wrong: map[string]string{"kv": "say kv=1 or kv=2", "kv-v2": "say kv=1 or kv=2", "a b": "the type of a secrets engine", "": "the type"}},

		"common_name": free("a.example"), "alt_names": free("a.example,b.example"), "uri_sans": free("spiffe://x/y"), "valid_principals": free("ubuntu"),
		"login": free("ubuntu"), "kubernetes_namespace": free("prod"), "audiences": free("a,b"), "cert_ttl": ttl, "token_ttl": ttl,
		"ip_sans":              {right: []string{"10.0.0.1", "10.0.0.1, ::1"}, wrong: map[string]string{"10.0.0": "IP addresses, separated by commas", "10.0.0.1;::1": "IP addresses"}},
		"ip":                   {right: []string{"10.0.0.1", "::1"}, wrong: map[string]string{"host": "the address of the host", "10.0.0.1/24": "the address"}},
		"csr":                  {right: []string{certificateRequest(t)}, wrong: map[string]string{"a.csr": "a certificate request in PEM", strings.ReplaceAll(certificateRequest(t), "\n", " "): "%0A"}},
		"public_key":           {right: []string{publicKey(t), strings.Fields(publicKey(t))[1]}, wrong: map[string]string{"~/.ssh/id.pub": "a public key as OpenSSH writes it", "ssh-ed25519 AAAA": "%20"}},
		"cert_type":            {right: []string{"user", "host"}, wrong: map[string]string{"client": `option cert_type is user or host, not "client"`, "hosts": "did you mean host?"}},
		"key_type":             {right: []string{"rsa", "ec", "ed25519", "ssh-rsa"}, wrong: map[string]string{"ed25591": "did you mean ed25519?"}},
		"key_bits":             {right: []string{"4096", "0"}, wrong: map[string]string{"many": `is a number, not "many"`}},
		"cluster_role_binding": {right: []string{"true", "false", "1"}, wrong: map[string]string{"perhaps": `is true or false, not "perhaps"`}},
	}
}

func TestAWrongValueOfAnOptionIsRefusedWhenAURIIsOpened(t *testing.T) {
	bareEnvironment(t)
	registerChecking()
	options := checkedOptions(t)
	for _, name := range slices.Concat(providerOptions, documentOptionNames) {
		c, known := options[name]
		require.True(t, known, "a row for the option %s", name)
		require.NotEmpty(t, c.right, name)
		for _, value := range c.right {
			r, err := secrets.Open(t.Context(), checkedURI(name, value, c.beside))
			if assert.NoError(t, err, "%s=%s", name, value) {
				require.NoError(t, r.Close())
			}
		}
		for value, text := range c.wrong {
			_, err := secrets.Open(t.Context(), checkedURI(name, value, c.beside))
			if assert.ErrorIs(t, err, secrets.ErrInvalid, "%s=%s", name, value) {
				assert.ErrorContains(t, err, text, "%s=%s", name, value)
			}
		}
	}
}

// checkedURI is a URI with an option and what has to be beside it. The path is
// below every mount that is named.
func checkedURI(name, value, beside string) string {
	path := ""
	switch {
	case name == "mount":
		path = strings.Trim(value, "/") + "/prod"
		if strings.ContainsAny(value, "\n.") || value == "" || strings.Contains(value, "//") {
			path = "x"
		}
	case strings.Contains(beside, "mount=x"):
		path = "x/prod"
	}
	return "vault://" + path + "?" + name + "=" + url.PathEscape(value) + beside
}

func TestOptionsThatContradictEachOtherAreRefusedWhenAURIIsOpened(t *testing.T) {
	bareEnvironment(t)
	registerChecking()
	for uri, text := range map[string]string{
		"vault://secret?agent=http://127.0.0.1:8100&address=https://vault:8200":              "options agent and address exclude each other",
		"vault://secret?agent=http://127.0.0.1:8100&auth=kubernetes&role=app":                "?agent= takes no login of ours",
		"vault://secret?agent=http://127.0.0.1:8100&token_file=/x":                           "?agent= takes no login of ours",
		"vault://secret?agent=http://127.0.0.1:8100&role=app":                                "option role means nothing with an agent",
		"vault://secret?role_id=a&role_id_file=b":                                            "options role_id and role_id_file exclude each other",
		"vault://secret?role_id=a&token_file=b":                                              "option token_file means nothing with auth=approle",
		"vault://secret?auth=token&role=app":                                                 "option role means nothing with a token",
		"vault://secret?role=app":                                                            "option role means nothing with a token",
		"vault://secret?auth=kubernetes":                                                     "auth=kubernetes needs role=",
		"vault://secret?auth=kubernetes&role=app&username=x":                                 "option username means nothing with auth=kubernetes",
		"vault://secret?auth=jwt&role=app":                                                   "auth=jwt needs jwt_file=",
		"vault://secret?auth=ldap&username=x":                                                "auth=ldap needs username= and password_file=",
		"vault://secret?auth=cert":                                                           "auth=cert needs client_cert=",
		"vault://secret?client_cert=x":                                                       "client_cert and client_key go together",
		"vault://secret?role_id=x&secret_id_wrapped=true":                                    "option secret_id_wrapped is true, and there is no secret id",
		"vault://secret/prod?kv=2":                                                           "option mount goes together with",
		"vault://secret/prod?mount=secret":                                                   "option mount goes together with",
		"vault://secret/prod?mount=secret&kv=2&engine=database":                              "options kv and engine contradict each other",
		"vault://secret/prod?mount=other&kv=2":                                               `the path "secret/prod" is not under mount=other`,
		"vault://secret/prod?mount=secret&kv=1&version=3":                                    "KV version 1 keeps no versions",
		"vault://db/creds?mount=db&engine=database&version=3":                                "a mount of the engine database keeps no versions",
		"vault://secret/prod?mount=secret&kv=2&common_name=a":                                "mean nothing on a KV mount",
		"vault://ssh/sign?mount=ssh&engine=ssh&csr=" + url.PathEscape(certificateRequest(t)): "option csr means nothing here",
		"vault://secret//prod":                                                               "empty segment",
		"vault://secret/../prod":                                                             "segment ..",
		"vault://hvs.CAESIJ@vault/x":                                                         "",
	} {
		_, err := secrets.Open(t.Context(), uri)
		if assert.ErrorIs(t, err, secrets.ErrInvalid, uri) {
			assert.ErrorContains(t, err, text, uri)
		}
	}
	for _, uri := range []string{
		"vault://", "vault://secret", "vault:///secret/prod/", "vault://team?mount=team/kv&kv=2", "vault://?mount=team/kv&kv=2", "vault://team/kv/prod?mount=team/kv&kv=2&version=3",
		"vault://ssh?mount=ssh&engine=ssh&cert_type=user", "vault://secret?auth=checking&auth_type=a", "vault://secret?role_id=x", "vault://secret?auth=approle",
	} {
		r, err := secrets.Open(t.Context(), uri)
		if assert.NoError(t, err, uri) {
			require.NoError(t, r.Close())
		}
	}
}

func TestAReferenceIsCheckedBeforeAnythingIsSent(t *testing.T) {
	bareEnvironment(t)
	for ref, text := range map[string]string{
		"vault://secret/db?version=none": "option version is a number from 1 on",
		"vault://":                       "is empty",
		"vault://pki/roles/web?mount=pki&engine=pki&common_name=a":       "option common_name means nothing here",
		"vault://secret/db?auth=bogus":                                   "option auth is",
		"vault://secret/db?mount=kv&kv=2":                                "is not under mount=kv",
		"vault:secret/db#password#0":                                     "option version is a number from 1 on",
		"vault://kubernetes/creds/app?token_ttl=long":                    "option token_ttl is a duration",
		"vault://db/creds/app?mount=db&engine=database&version=1":        "keeps no versions",
		"vault://secret/db?address=http://127.0.0.1:1/v1":                "leave it out",
		"vault://secret/db?mount=secret&kv=2&alt_names=a&common_name=b":  "(alt_names …) mean nothing on a KV mount",
		"vault://ssh/creds/otp?mount=ssh&engine=ssh&ip=not-an-address":   "option ip is the address",
		"vault://ssh/creds/otp?mount=ssh&engine=ssh&common_name=a.b":     "option common_name means nothing here",
		"vault://pki/issue/web?mount=pki&engine=pki&csr=not-pem":         "option csr is a certificate request",
		"vault://pki/issue/web?common_name=a.example&ip_sans=10.0.0.1.1": "option ip_sans is IP addresses",
	} {
		r := secrets.New(secrets.Chain(), secrets.WithReferences(map[string]string{"db": ref}))
		_, err := r.Get(t.Context(), "db")
		if assert.ErrorIs(t, err, secrets.ErrInvalid, ref) {
			assert.ErrorContains(t, err, text, ref)
		}
	}
}

func TestTheEnvironmentIsCheckedWhereAURIRestsOnIt(t *testing.T) {
	for variable, c := range map[string]struct{ value, text string }{
		"VAULT_ADDR":           {"vault.example.com:8200", "VAULT_ADDR is "},
		"BAO_ADDR":             {"http://bao.example.com", "BAO_ADDR is http://bao.example.com: over plain http"},
		"VAULT_CLIENT_TIMEOUT": {"soon", `VAULT_CLIENT_TIMEOUT is a duration such as 5s, not "soon"`},
		"VAULT_NAMESPACE":      {"a\nb", "VAULT_NAMESPACE has a line break"},
		"VAULT_CLIENT_CERT":    {"/x.pem", "client_cert and client_key go together"},
	} {
		t.Run(variable, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv(variable, c.value)
			_, err := secrets.Open(t.Context(), "vault://secret")
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, c.text)
		})
	}
}

func TestNoCredentialInAnOptionIsShown(t *testing.T) {
	bareEnvironment(t)
	password := canary.New()
	search := canary.For(password)
	for _, name := range slices.Concat(providerOptions, documentOptionNames) {
		for _, value := range []string{"hvs." + password, "https://user:" + password + "@vault\n", `{"token":"` + password + `"}`} {
			err := check(secrets.Ref{Scheme: Scheme, Base: "secret", Options: map[string]string{name: value}})
			if err != nil {
				assert.Empty(t, search.Error(err), name)
			}
		}
	}
}
