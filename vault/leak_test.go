package vault

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
)

// bareEnvironment unsets what a client reads, so that a test's own settings
// count.
func bareEnvironment(t *testing.T) {
	t.Helper()
	for _, prefix := range []string{"VAULT_", "BAO_"} {
		for _, name := range []string{
			"ADDR", "AGENT_ADDR", "TOKEN", "TOKEN_PATH", "NAMESPACE", "CACERT", "CACERT_BYTES", "CAPATH", "CLIENT_CERT", "CLIENT_KEY", "CLIENT_TIMEOUT",
			"SKIP_VERIFY", "TLS_SERVER_NAME", "HTTP_PROXY", "PROXY_ADDR", "HEADERS", "MAX_RETRIES", "RATE_LIMIT", "ROLE_ID", "SECRET_ID",
		} {
			t.Setenv(prefix+name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
}

// shown is all that a user, a log or a page sees of a resolver on a URI, and
// the errors.
func shown(t *testing.T, uri string) (string, []error) {
	t.Helper()
	var log strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r, err := secrets.Open(ctx, uri, secrets.WithLogger(textLogger(&log)), secrets.WithTimeout(300*time.Millisecond))
	if err != nil {
		return log.String(), []error{err}
	}
	_, getErr := r.Get(ctx, "k")
	_, refreshErr := r.Refresh(ctx, "k")
	var listErr error
	for _, err := range r.List(ctx, "") {
		listErr = err
		break
	}
	status, err := jsonOf(r.Status())
	require.NoError(t, err)
	healthy := r.Healthy()
	return log.String() + status + fmt.Sprintf("%+v", r.Status()), []error{getErr, refreshErr, listErr, healthy, r.Close()}
}

func TestACredentialInThePlaceOfAFileNameIsNeverShown(t *testing.T) {
	bareEnvironment(t)
	hello := canary.New()
	credentials := map[string]string{
		"a token":            "hvs." + hello,
		"a JWT":              "eyJhbGciOiJSUzI1NiJ9." + hello + ".c2ln",
		"a key in PEM":       "-----BEGIN PRIVATE KEY-----\n" + hello + "\n-----END PRIVATE KEY-----\n",
		"JSON":               `{"secret_id":"` + hello + `"}`,
		"a plain password":   hello,
		"one with slashes":   "/" + hello + "/" + hello,
		"one that is long":   strings.Repeat(hello, 200),
		"one with an equals": hello + "==",
	}
	good := filepath.Join(t.TempDir(), "role-id")
	require.NoError(t, os.WriteFile(good, []byte("role"), 0o600))
	options := map[string]string{
		"token_file":     "token_file=%s",
		"jwt_file":       "auth=jwt&jwt_file=%s",
		"jwt_file (k8s)": "auth=kubernetes&role=app&jwt_file=%s",
		"role_id_file":   "auth=approle&role_id_file=%s",
		"secret_id_file": "auth=approle&role_id_file=" + good + "&secret_id_file=%s",
		"password_file":  "auth=ldap&username=app&password_file=%s",
		"ca_cert":        "ca_cert=%s",
		"ca_path":        "ca_path=%s",
		"client_cert":    "auth=cert&client_cert=%s&client_key=" + good,
		"client_key":     "auth=cert&client_cert=" + good + "&client_key=%s",
	}
	search := canary.For(hello)
	for kind, credential := range credentials {
		for option, form := range options {
			text, errs := shown(t, "vault://secret?address=https://127.0.0.1:1&"+fmt.Sprintf(form, escaped(credential)))
			where, found := search.Text(text)
			assert.False(t, found, "%s in %s: %s in a log or Status: %s", kind, option, where, text)
			told := false
			for _, err := range errs {
				assert.Empty(t, search.Error(err), "%s in %s", kind, option)
				told = told || err != nil && strings.Contains(err.Error(), strings.Fields(option)[0])
			}
			if !strings.HasPrefix(option, "client_") { // nothing is read of those before the handshake
				assert.True(t, told, "%s in %s: the option is named: %v", kind, option, errs)
			}
		}
		if kind != "a token" && kind != "a key in PEM" && kind != "one that is long" {
			continue
		}
		for _, variable := range []string{"CACERT", "CAPATH", "CLIENT_CERT", "CLIENT_KEY", "CACERT_BYTES", "TLS_SERVER_NAME", "CLIENT_TIMEOUT", "MAX_RETRIES", "SKIP_VERIFY", "RATE_LIMIT", "HEADERS", "ADDR", "AGENT_ADDR", "PROXY_ADDR", "HTTP_PROXY", "TOKEN_PATH"} {
			for _, prefix := range []string{"VAULT_", "BAO_"} {
				t.Run(prefix+variable, func(t *testing.T) {
					t.Setenv(prefix+variable, credential)
					if strings.HasPrefix(variable, "CLIENT_C") || variable == "CLIENT_KEY" {
						t.Setenv(prefix+map[string]string{"CLIENT_CERT": "CLIENT_KEY", "CLIENT_KEY": "CLIENT_CERT"}[variable], good)
					}
					uri := "vault://secret?address=https://127.0.0.1:1"
					if strings.HasSuffix(variable, "ADDR") {
						uri = "vault://secret"
					}
					text, errs := shown(t, uri)
					where, found := search.Text(text)
					if variable != "TLS_SERVER_NAME" { // is sent in the clear, and no file
						assert.False(t, found, "%s: %s in a log or Status: %s", kind, where, text)
						for _, err := range errs {
							assert.Empty(t, search.Error(err), kind)
						}
					}
				})
			}
		}
	}
}

func TestUserInformationIsBasicAuthenticationAndNeverShown(t *testing.T) {
	password := canary.New()
	search := canary.For(password)
	asked := 0
	var location string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pw, ok := r.BasicAuth()
		if ok && pw == password {
			asked++
		}
		if location != "" {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprint(w, `{"errors":["Vault is sealed"]}`)
	}))
	defer server.Close()
	here := strings.Replace(server.URL, "http://", "http://user:"+password+"@", 1)
	dead := "http://user:" + password + "@127.0.0.1:1"
	for name, c := range map[string]struct {
		variable, value, location string
	}{
		"a server that fails":                 {"VAULT_ADDR", here, ""},
		"a server that is down":               {"VAULT_ADDR", dead, ""},
		"an agent that is down":               {"VAULT_AGENT_ADDR", dead, ""},
		"OpenBao's variables":                 {"BAO_ADDR", here, ""},
		"an address that is no URL":           {"VAULT_ADDR", "http://user:" + password + "/@h:1", ""},
		"one without a scheme":                {"VAULT_ADDR", "user:" + password + "@vault:8200", ""},
		"one that is a token":                 {"VAULT_ADDR", "hvs." + password, ""},
		"one beyond loopback":                 {"VAULT_ADDR", "http://user:" + password + "@vault.example.test:8200", ""},
		"a proxy that is down":                {"VAULT_PROXY_ADDR", dead, ""},
		"a proxy of the older variable":       {"VAULT_HTTP_PROXY", dead, ""},
		"a proxy that is no URL":              {"VAULT_PROXY_ADDR", "http://user:" + password + "/@h:x", ""},
		"OpenBao's proxy":                     {"BAO_PROXY_ADDR", dead, ""},
		"a redirect to another host":          {"VAULT_ADDR", here, "http://user:" + password + "@other.example.test/v1/" + password},
		"a redirect that is no URL":           {"VAULT_ADDR", here, "http://user:" + password + "/@h:x"},
		"a redirect on the host that goes on": {"VAULT_ADDR", here, here + "/v1/secret/" + password},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("VAULT_TOKEN", "t")
			t.Setenv(c.variable, c.value)
			location = c.location
			uri := "vault://secret"
			if strings.Contains(c.variable, "PROXY") {
				uri += "?address=https://vault.example.test"
			}
			text, errs := shown(t, uri)
			where, found := search.Text(text)
			assert.False(t, found, "%s in a log or Status: %s", where, text)
			require.Error(t, errs[0])
			for _, err := range errs {
				assert.Empty(t, search.Error(err))
			}
		})
	}
	assert.NotZero(t, asked, "the password is sent all the same")
}
