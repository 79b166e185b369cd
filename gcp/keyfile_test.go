package gcp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	watched "github.com/go-secrets/secrets/internal/canary"
)

// write writes a file, and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// privateKey makes the PEM block of a private key.
func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// object marshals a JSON object.
func object(t *testing.T, fields map[string]any) string {
	t.Helper()
	text, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(text)
}

// serviceAccount writes the key file of a service account and returns its
// path.
func serviceAccount(t *testing.T, dir string) (file string) {
	t.Helper()
	return write(t, dir, "key.json", object(t, map[string]any{
		"type":             "service_account",
		"client_email":     "app@my-project.iam.gserviceaccount.com",
		"private_key":      privateKey(t),
		"private_key_id":   "k1",
		"project_id":       "my-project",
		"token_uri":        "http://127.0.0.1:1/token",
		"quota_project_id": "quota-of-the-file",
	}))
}

func TestAServiceAccountsKeySignsItsTokensItself(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, home))
	l := loginOf(t)
	got, err := l.Token(soon(t))
	require.NoError(t, err)
	assert.NotEmpty(t, got.Value)
	quota, err := l.quotaProject(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "quota-of-the-file", quota)

	t.Run("and a refusal has the file read again", func(t *testing.T) {
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(home, "absent.json"))
		_, err := l.Token(soon(t))
		require.NoError(t, err, "as long as the token is good, nothing is read")
		l.forget(l.session())
		_, err = l.Token(soon(t))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("also from a file that begins with a byte order mark", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(home, "key.json"))
		require.NoError(t, err)
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "bom.json", "\uFEFF"+string(text)))
		_, err = loginOf(t).Token(soon(t))
		require.NoError(t, err)
	})
}

func TestEachFileThatHoldsNoCredentialsIsToldApart(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	pemKey := privateKey(t)
	for name, tt := range map[string]struct{ content, says string }{
		"an empty file":                   {"", "is empty"},
		"blanks":                          {" \n", "is empty"},
		"one word":                        {canary, "one word"},
		"a key in base64":                 {base64.StdEncoding.EncodeToString([]byte(`{"type":"service_account"}`)), "base64"},
		"a key that was cut off":          {`{"type":"service_account","private_key":"` + canary, "is not JSON, or is cut off"},
		"a bare PEM key":                  {pemKey, "holds a PEM block"},
		"UTF-16":                          {"\xff\xfe{\x00}\x00", "UTF-16"},
		"a PKCS #12 key":                  {"\x30\x82\x0a\x00", "PKCS #12"},
		"JSON that is no object":          {`["` + canary + `"]`, "is not JSON"},
		"another JSON":                    {`{"password":"` + canary + `"}`, "no field type"},
		"an OAuth client":                 {`{"installed":{"client_secret":"` + canary + `"}}`, "OAuth client"},
		"a type that nobody knows":        {`{"type":"` + canary + `"}`, "none of service_account, authorized_user"},
		"a key that is none":              {`{"type":"service_account","client_email":"a@b","private_key":"` + canary + `"}`, "no PEM block"},
		"a key with doubled escapes":      {`{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\\n` + canary + `\\n-----END PRIVATE KEY-----\\n"}`, "line breaks"},
		"a PEM block that is no key":      {object(t, map[string]any{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n"}), "missing or malformed"},
		"no key":                          {`{"type":"service_account","client_email":"a@b"}`, "has no private_key"},
		"no refresh token":                {`{"type":"authorized_user","client_secret":"` + canary + `"}`, "has no refresh_token"},
		"half an external account":        {`{"type":"external_account","audience":"` + canary + `"}`, "lacks one of audience"},
		"half an impersonation":           {`{"type":"impersonated_service_account"}`, "lacks service_account_impersonation_url"},
		"an impersonation of half a key":  {`{"type":"impersonated_service_account","service_account_impersonation_url":"u","source_credentials":{"type":"service_account"}}`, "has no private_key"},
		"an impersonation of no file":     {`{"type":"impersonated_service_account","service_account_impersonation_url":"u","source_credentials":"` + canary + `"}`, "source_credentials"},
		"a command that is not permitted": {`{"type":"external_account","audience":"a","subject_token_type":"t","credential_source":{"executable":{"command":"` + canary + `"}}}`, "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, home, "key.json", tt.content)
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
			_, err := loginOf(t).Token(soon(t))
			onlyClass(t, err, secrets.ErrUnauthenticated)
			assert.ErrorContains(t, err, file)
			assert.ErrorContains(t, err, tt.says)
			noCanary(t, err)
		})
	}
}

func TestAFileOfCredentialsThatIsNotReadIsNamed(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	for name, file := range map[string]string{
		"one that is absent": filepath.Join(home, "absent.json"),
		"a directory":        home,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
			_, err := loginOf(t).Token(soon(t))
			onlyClass(t, err, secrets.ErrUnauthenticated)
			assert.ErrorContains(t, err, file)
		})
	}
	t.Run("the subject token's, too", func(t *testing.T) {
		absent := filepath.Join(home, "token")
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, "https://127.0.0.1:1", map[string]any{"file": absent})))
		_, err := loginOf(t).Token(soon(t))
		onlyClass(t, err, secrets.ErrUnauthenticated)
		require.ErrorIs(t, err, os.ErrNotExist)
		assert.ErrorContains(t, err, absent)
		assert.ErrorContains(t, err, "credential_source")
	})
}

// externalAccount returns the file of a workload identity pool.
func externalAccount(t *testing.T, tokenURL string, source map[string]any) string {
	t.Helper()
	return object(t, map[string]any{
		"type":               "external_account",
		"audience":           "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url":          tokenURL,
		"credential_source":  source,
	})
}

func TestAKeyThatComesThroughAPipeIsKeptForLaterLogins(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	text, err := os.ReadFile(serviceAccount(t, home))
	require.NoError(t, err)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = reader.Close() }()
	go func() {
		_, _ = writer.Write(text)
		_ = writer.Close()
	}()
	name := fmt.Sprintf("/dev/fd/%d", reader.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skip("this system has no /dev/fd")
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", name)
	l := loginOf(t)
	for range 2 {
		_, err = l.Token(soon(t))
		require.NoError(t, err)
		l.forget(l.session())
	}
	if !watched.Race { // spew reads locks without taking them
		assert.NotContains(t, spew.Sdump(l), "PRIVATE KEY")
	}
}
