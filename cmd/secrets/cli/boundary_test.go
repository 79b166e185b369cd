//go:build unix

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documents makes a directory with one document of those keys, and returns the
// environment in which --from doc reads it, and its file.
func documents(t *testing.T, keys map[string]string) (env []string, path string) {
	t.Helper()
	dir := t.TempDir()
	text, err := json.Marshal(keys)
	require.NoError(t, err)
	path = filepath.Join(dir, "doc.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return []string{"SECRETS_URL=file://" + dir}, path
}

func TestADocumentSetsNoVariableThatLoadsCodeOrRedirects(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"BASH_ENV", "ENV", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "PERL5OPT", "PERL5LIB",
		"PYTHONSTARTUP", "PYTHONPATH", "RUBYOPT", "GCONV_PATH", "GIT_SSH_COMMAND", "DOTNET_STARTUP_HOOKS", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "VAULT_ADDR",
		"BAO_ADDR", "SECRETS_URL", "SECRETS_CONFIG", "SECRETS_ALLOW_HTTP", "AWS_ENDPOINT_URL_STS", "AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "SSL_CERT_FILE",
		"BASH_FUNC_ls%%", "Node_Options", "HOME", "SHELLOPTS", "IFS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, path := documents(t, map[string]string{name: canary})
			if name == "SECRETS_URL" {
				env = []string{"SECRETS_CONFIG=" + file(t, "c.yaml", "providers: ['file://"+filepath.Dir(path)+"']\n")}
			}
			said := refused(t, env, "--from", "doc.json")
			assert.Contains(t, said, "--allow")
			assert.Contains(t, said, name)
			assert.Contains(t, refused(t, []string{"D=secretref+file://" + path}, "--spread", "D"), "--allow")

			self, _ := started(t, env, "--from", "doc.json", "--allow", name)
			assert.Equal(t, canary, variablesOf(self)[name])
			self, _ = started(t, env, "--from", "doc.json", "--keys", name)
			assert.Equal(t, canary, variablesOf(self)[name], "it was chosen outright")
			self, _ = started(t, env, "--from", "doc.json", "--keys", "x*")
			assert.NotContains(t, variablesOf(self), name+"x")
			self, _ = started(t, env, "--from", "doc.json", "--prefix", "APP_")
			assert.Equal(t, canary, variablesOf(self)["APP_"+name])
		})
	}
	env, _ := documents(t, map[string]string{"PATH": canary})
	cmd := command(t, env, "exec", "--from", "doc.json", "--", os.Args[0], "child-report")
	cmd.Env = append([]string{"SECRETS_TEST_COMMAND=1"}, env...) // no PATH
	got := finish(t, cmd)
	assert.Equal(t, ExitExec, got.code)
	assert.Contains(t, got.stderr, "PATH")
	for _, name := range []string{"DB_PASSWORD", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "PGPASSWORD", "password", "tls.crt", "S3_ENDPOINT", "GIT_TOKEN"} {
		assert.False(t, risky(name), name)
	}
}

func TestPrefixAndKeysAreTheBoundaryOfADocument(t *testing.T) {
	t.Parallel()
	env, path := documents(t, map[string]string{"user": "u", "password": "p", "other": "o", "BASH_ENV": "evil"})
	self, _ := started(t, env, "--from", "doc.json", "--prefix", "DB_", "--keys", "user,pass*")
	vars := variablesOf(self)
	assert.Equal(t, "u", vars["DB_user"])
	assert.Equal(t, "p", vars["DB_password"])
	for _, name := range []string{"DB_other", "other", "user", "BASH_ENV", "DB_BASH_ENV"} {
		assert.NotContains(t, vars, name)
	}
	self, _ = started(t, []string{"D=secretref+file://" + path}, "--spread", "D", "--keys", "user")
	assert.Equal(t, "u", variablesOf(self)["user"])

	assert.Contains(t, refused(t, env, "--from", "doc.json", "--keys", "nosuch"), "--keys nosuch: no document has such a key")
	assert.Contains(t, refused(t, env, "--from", "doc.json", "--keys", "["), "malformed")
	assert.Contains(t, refused(t, env, "--from", "doc.json", "--keys", "*"), "BASH_ENV", "a pattern chooses nothing outright")
	split, _ := documents(t, map[string]string{"D_AUDIT": "evil"})
	assert.Contains(t, refused(t, split, "--from", "doc.json", "--prefix", "L"), "LD_AUDIT", "what counts is what the variable is called")
}

func TestWhatOnlyTheReaderNeedsIsLeftOut(t *testing.T) {
	t.Parallel()
	env := []string{
		"VAULT_TOKEN=t", "AWS_SECRET_ACCESS_KEY=s", "AWS_SESSION_TOKEN=s", "GOOGLE_APPLICATION_CREDENTIALS=/f", "AWS_ACCESS_KEY_ID=one://app/id",
		"KEY=one://app/key", "OTHER=o", "AWS_REGION=eu-west-1",
	}
	self, _ := started(t, env)
	assert.Equal(t, "t", variablesOf(self)["VAULT_TOKEN"], "all is handed on unless it is said otherwise")
	self, _ = started(t, env, "--drop-credentials", "--drop", "OTH*")
	vars := variablesOf(self)
	for _, name := range []string{"VAULT_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "OTHER"} {
		assert.NotContains(t, vars, name)
	}
	assert.Equal(t, valueOf("app/key"), vars["KEY"])
	assert.Equal(t, valueOf("app/id"), vars["AWS_ACCESS_KEY_ID"], "what was resolved is for the program")
	assert.Equal(t, "eu-west-1", vars["AWS_REGION"])
	self, _ = started(t, env, "--drop", "AWS_ACCESS_KEY_ID")
	assert.NotContains(t, variablesOf(self), "AWS_ACCESS_KEY_ID")
	assert.Contains(t, refused(t, env, "--drop", "["), "malformed")
}
