package all_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

// headingsOf returns the error texts that docs/troubleshooting.md explains.
func headingsOf(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/troubleshooting.md")
	require.NoError(t, err)
	var texts []string
	for _, m := range regexp.MustCompile("(?m)^### `(.+)`$").FindAllStringSubmatch(string(page), -1) {
		texts = append(texts, strings.Split(m[1], "`, `")...)
	}
	require.Greater(t, len(texts), 40, "the pattern finds too few headings to be right")
	return texts
}

// matches reports whether an error is one that a heading stands for.
func matches(heading, err string) bool {
	parts := strings.Split(heading, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)` + strings.Join(parts, `.*`)).MatchString(err)
}

// literals returns all that string literals in the code say, one a line.
func literals(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "integration" || d.Name() == "examples" || d.Name() == "bench") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err == nil {
					all.WriteString(strings.NewReplacer("%%", "%").Replace(text) + "\n")
				}
			}
			return true
		})
		return nil
	}))
	return all.String()
}

// What can be brought about here is, so that the page tells what users see;
// of the other texts each part has to stand in the code. So whoever changes a
// text has to change the page.
func TestTheTextsOfTroubleshootingAreTheOnesThatArePrinted(t *testing.T) {
	page := headingsOf(t)
	code := literals(t)
	produced := make(map[string]bool)
	explained := func(err error, heading string) {
		t.Helper()
		assert.Contains(t, page, heading, "docs/troubleshooting.md has no such heading")
		require.Error(t, err, heading)
		assert.True(t, matches(heading, err.Error()), "%q is not what is printed: %v", heading, err)
		produced[heading] = true
	}
	printed := func(uri, name, heading string) {
		t.Helper()
		r, err := secrets.Open(t.Context(), uri, secrets.WithLogger(nil), secrets.WithTimeout(2500*time.Millisecond))
		if err == nil {
			_, err = r.Get(t.Context(), name)
			require.NoError(t, r.Close())
		}
		explained(err, heading)
	}
	awstest.Environment(t)
	for _, name := range []string{"SECRETS_URL", "SECRETS_CONFIG", "VAULT_ADDR", "VAULT_TOKEN", "VAULT_AGENT_ADDR", "GOOGLE_APPLICATION_CREDENTIALS"} {
		t.Setenv(name, "")
	}
	t.Setenv("GCE_METADATA_HOST", "127.0.0.1:1")
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "text", "object": `{"a":1}`, "good.env": "A=1\n", "twice.env": "A=1\nA=2\n", "return.env": "A=b\rC=d\n", "quote.env": `A='x\' # y` + "\n", "tick.env": "A=`x #y`\n", "open.env": "A=1\n", "shared": "x",
		"merged": "a: &a {b: c}\nd: {<<: *a}\n", "aliases": "a: &a [" + strings.Repeat("x", 900) + "]\nb: [*a, *a]\n", "large": strings.Repeat("x", 2000)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Symlink("no-such", filepath.Join(dir, "dangling")))
	require.NoError(t, os.Chmod(filepath.Join(dir, "open.env"), 0o644))
	require.NoError(t, os.Chmod(filepath.Join(dir, "shared"), 0o666))
	vault := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return "vault://secret/prod?mount=secret&kv=2&address=" + s.URL
	}
	aws := func(reply awstest.Reply) string {
		return "awssm://prod?region=eu-west-1&endpoint=" + awstest.NewServer(t, func(awstest.Request) awstest.Reply { return reply }).URL
	}
	google, err := gcpfake.Start()
	require.NoError(t, err)
	t.Cleanup(google.Close)
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)

	nobody := []struct{ uri, name, heading string }{
		{"/run/secrets", "x", "a reference reads scheme://path[?option=value][#field]; this one has no ://"},
		{"consul://x", "x", "unknown scheme … (linked: …)"},
		{"file:///x?trimm=none", "x", "…:// does not know the option … (it knows …)"},
		{"env:// file:///x,vault://y", "x", "… has another URI or a comma at its end: several URIs have spaces between them"},
		{"vault://secret?token=x", "x", "option … is a credential, which no URI may hold"},
		{"vault://u:p@secret", "x", "…:// holds what looks like user:password@ in its path"},
		{"env://", "/db", "the name starts with a slash: drop it, the base supplies it"},
		{"env://", "vault://secret/db", "this is a reference, and Get takes names"},
		{"env://", "a//b", "a segment of the name is empty: there is a slash too many"},
		{"env://?prefix=NO_SUCH_", "x", "the environment has neither … nor …"},
		{"file:///nonexistent", "x", "… does not exist"},
		{"envfile://" + dir + "/good.env", "x", "… has neither … nor …, nor any …"},
		{"file://" + dir, "object#b", "the document has no field …"},
		{"file://" + dir, "plain#b", "the value is no JSON object, so it has no fields"},
		{"file://" + dir + "?decode=base64", "object", "the value is not base64, which ?decode=base64 says it is"},
		{"envfile://" + dir + "/twice.env", "a", "line … has the key of an earlier line"},
		{"file://" + dir, "dangling", "… is a link to what does not exist"},
		{"file://" + dir + "?max=1000", "large", "… makes the document larger than … bytes; option max allows for more"},
		{"file://" + dir + "?format=yaml", "merged", "a merge key (<<) is not read here; write out the keys that it would merge"},
		{"file://" + dir + "?format=yaml&max=1000", "aliases", "with its aliases written out the document is larger than … bytes; option max allows for more"},
		{"file://" + `{"type":"service_account"}`, "x", "the path of … is no file name (… bytes)"},
		{"awssm://prod?region=eu-west-1", "x", "no AWS credentials: …"},
		{"gcp://my-project", "x", "no Google Cloud credentials: …"},
		{"vault://secret/prod", "x", "no Vault credentials: VAULT_TOKEN is unset and there is no ~/.vault-token"},
		{"env://", "trouble/missing", "… does not exist (named by …)"},
		{"env://", "trouble/two", "… has both … and …, and … may be either; rename one"},
		{"env://", "trouble/both", "… has both … and …; unset one …"},
		{"env://", "trouble/value", "… names the file that holds the secret, and has …"},
		{"env://", "trouble/value", "… something that is no file name (… bytes)"},
		{"envfile://" + dir + "/return.env", "a", "line … has a carriage return in it"},
		{"envfile://" + dir + "/quote.env", "a", "has a backslash before a single quote"},
		{"envfile://" + dir + "/tick.env", "a", "has a # in backticks"},
		{"env://", strings.Repeat("x", 2000), "the name has … bytes, and a name has at most …"},
		{"env://", strings.Repeat("x/", 100) + "x", "the name has … segments, and a name has at most …"},
		{"file:///" + strings.Repeat("x/", 3000), "x", "a reference has at most … bytes, and this one has …"},
		{"vault://secret/hvs.CAESIJ0000000000000000", "x", "… holds what looks like a token; credentials belong into the environment or a file"},
		{"vault://secret/prod?address=http://vault.example.com:8200", "x", "… is …: over plain http the credentials and the secrets would cross the network in the clear; …"},
		{"vault://", "sys/x", "a name cannot lead to …/, which is the server's own: give the base a path, …"},
		{"vault://secret?token_file={x}", "x", "option … is no file name (… bytes); if it is a credential, write that into a file and give the file's name"},
		{"vault://secret?renew=no", "x", "option … is …, not …"},
		{"gcp://", "x", "the provider's URI names no project, and no name may choose one; write gcp://PROJECT"},
		{"vault://secret?token_file=hunter2token", "x", "… is set where the name of a file belongs; give the file's name, not what is in it"},
		{"vault://secret?address=vault.example.com", "x", "… and no address of a server; it reads https://vault.example.com:8200"},
		{"vault://secret?address=https://127.0.0.1:1/v1", "x", "… ends in /v1, which every request adds: …"},
	}
	for name, value := range map[string]string{"TROUBLE_MISSING_FILE": dir + "/none", "TROUBLE_BOTH": "x", "Trouble_Two": "x", "trouble-two": "y", "TROUBLE_BOTH_FILE": dir + "/plain", "TROUBLE_VALUE_FILE": `{"a":1}`} {
		t.Setenv(name, value)
	}
	for _, c := range nobody {
		printed(c.uri, c.name, c.heading)
	}
	if runtime.GOOS != "windows" { // where modes mean nothing
		printed("envfile://"+dir+"/open.env", "a", "… can be read by others than its owner (mode …); run chmod 600 on it")
		printed("file://"+dir, "shared", "… can be written by every user (mode …); run chmod o-w on it")
	}
	t.Setenv("TROUBLE_ONE", "x")
	environment, err := secrets.Open(t.Context(), "env://")
	require.NoError(t, err)
	_, err = environment.Get(t.Context(), "trouble/one")
	require.NoError(t, err)
	_, err = environment.Get(t.Context(), "trouble.one")
	explained(err, "the names … and … both stand for …")
	require.NoError(t, environment.Close())
	t.Setenv("VAULT_TOKEN", "two\nlines")
	printed(vault(200, "{}"), "x", "the token has a line break or another character in it that no token has")
	t.Setenv("AWS_REGION", "eu-west-1\n")
	printed("awssm://prod", "x", "… is …, which is no region")
	t.Setenv("AWS_REGION", "")
	t.Setenv("VAULT_TOKEN", "not-a-real-token")
	for _, kv := range awstest.Keys {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	denied := "User: arn:aws:iam::123456789012:user/app is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/x"
	for _, c := range []struct{ uri, name, heading string }{
		{vault(403, `{"errors":["permission denied"]}`), "x", "the token's policies do not grant … on …: add path …"},
		{vault(403, `{"errors":["permission denied","invalid token"]}`), "x", "the server does not know the token: expired, revoked, or of another cluster or namespace"},
		{vault(503, `{"errors":["Vault is sealed"]}`), "x", "the server is sealed: unseal it (vault operator unseal)"},
		{vault(404, `{"errors":["no handler for route \"x\". route entry not found."]}`), "x", "no secrets engine is mounted at …: check the mount in the path (vault secrets list)"},
		{vault(200, "<html>"), "x", "the answer of … is not Vault's: is this the address of a Vault server?"},
		{vault(429, `{"errors":["rate limit quota exceeded"]}`), "x", "a rate limit quota of the server is reached (429)"},
		{vault(404, `{"errors":[]}`), "x", "the server has nothing at … (404)"},
		{vault(404, `{"data":{"data":null,"metadata":{"version":2,"deletion_time":"2026-01-01T00:00:00Z","destroyed":false}}}`), "x", "version … was deleted on … (vault kv undelete brings it back)"},
		{"vault://secret/prod?mount=secret&kv=2&address=" + untrusted.URL, "x", "… has a certificate that is not trusted here: set VAULT_CACERT or ?ca_cert="},
		{aws(awstest.Fail(400, "AccessDeniedException", denied)), "x", "… is not authorized to perform: …; allow …"},
		{aws(awstest.Fail(400, "ThrottlingException", "Rate exceeded")), "x", "ThrottlingException: …"},
		{aws(awstest.Fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")), "x", "ResourceNotFoundException: …"},
		{aws(awstest.Fail(400, "ExpiredTokenException", "The security token included in the request is expired")), "x", "ExpiredTokenException: …; renew the credentials"},
		{aws(awstest.Reply{Status: 200, Body: `{"SecretString":"` + strings.Repeat("x", 32<<20)}), "x", "the answer is larger than any that this service gives"},
		{"awssm://prod?region=eu-west-1&batch=maybe", "x", "option … is …; …"},
		{aws(awstest.Reply{Status: 403, Body: "<html>"}), "x", "status … without an error code, so not from the service itself: a proxy or captive portal?"},
		{"awssm://prod?region=eu-west-1&endpoint=" + awstest.Unused(t), "x", "no connection: …"},
		{"ssm:///prod?region=eu-west-1&endpoint=" + awstest.Unused(t), "a:b", "a name has no : in it; a version or label is asked for in a reference"},
		{"gcp://my-project?endpoint=" + google.Addr(), "x", "no secret … in project …"},
	} {
		printed(c.uri, c.name, c.heading)
	}
	t.Chdir(dir)
	secrets.SetDefault(nil)
	t.Cleanup(func() { secrets.SetDefault(nil) })
	_, err = secrets.Get(context.Background(), "no/such")
	explained(err, "SECRETS_URL is unset; looked in the environment and …")
	r, err := secrets.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	object, err := r.Get(t.Context(), "object")
	require.NoError(t, err)
	explained(object.Decode(&struct{ A string }{}), "the JSON at … does not fit a Go …")
	_, err = secrets.Bind[struct {
		A string `secret:"a"`
	}](t.Context(), r, "object", nil)
	explained(err, "there are tags in …")
	_, err = secrets.Bind(t.Context(), r, "object", func(secrets.Secret) (int, error) { panic("x") })
	explained(err, "decoding panicked with a …")
	_, _, err = secrets.ParseValue("postgres://app:ref+env://PASSWORD@db")
	explained(err, "a reference stands within other text, where it is not resolved: make it the whole value")
	require.NoError(t, r.Close())
	_, err = r.Get(t.Context(), "object")
	explained(err, "closed")

	for _, heading := range page {
		if produced[heading] || runtime.GOOS == "windows" && strings.Contains(heading, "run chmod") {
			continue
		}
		for part := range strings.SplitSeq(heading, "…") {
			assert.True(t, strings.Contains(code, strings.TrimSpace(part)), "no string in the code holds this part of %q", heading)
		}
	}
	assert.Greater(t, len(produced), len(page)/2)
}
