package cli

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGetPrintsTheValueByteForByteAndNothingElse(t *testing.T) {
	got := inProcess(t, "one://app", "get", "api/key")
	assert.Equal(t, outcome{ExitOK, valueOf("app/api/key"), ""}, got)
	got = inProcess(t, "one://app", "get", "db/x#port")
	assert.Equal(t, outcome{ExitOK, "5432", ""}, got)
	got = inProcess(t, "one://app", "get", "binary")
	assert.Equal(t, "\x00\xff"+canary, got.stdout)
}

func TestGetPrintsJSONForMachines(t *testing.T) {
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(inProcess(t, "one://app", "get", "--json", "api/key").stdout), &got))
	assert.NotEmpty(t, got["fetched_at"])
	delete(got, "fetched_at")
	assert.Equal(t, map[string]any{"name": "api/key", "value": valueOf("app/api/key"), "version": "v1"}, got)

	require.NoError(t, json.Unmarshal([]byte(inProcess(t, "one://app", "get", "--json", "binary").stdout), &got))
	assert.Equal(t, "base64", got["encoding"])
	assert.Equal(t, base64.StdEncoding.EncodeToString([]byte("\x00\xff"+canary)), got["value"])
}

func TestAFailureHasAnExitCodeForItsClassAndPrintsNoValue(t *testing.T) {
	for name, want := range map[string]int{
		"missing": ExitNotFound, "denied": ExitPermission, "stranger": ExitUnauthenticated, "down": ExitUnavailable,
		"/x": ExitInvalid, "api/key#nope": ExitNotFound,
	} {
		got := inProcess(t, "one://app", "get", name)
		assert.Equal(t, want, got.code, name)
		assert.Empty(t, got.stdout, name)
		assert.Contains(t, got.stderr, "secrets: get", name)
		assert.NotContains(t, got.stderr, canary, name)
	}
	assert.Equal(t, ExitInvalid, inProcess(t, "nosuch://x", "get", "x").code)
	for _, args := range [][]string{{"get"}, {"get", "a", "b"}, {"nosuch"}, {"get", "--nosuch", "x"}, {"get", "--url=one://", "--config=x", "y"}} {
		got := inProcess(t, "one://app", args...)
		assert.Equal(t, ExitUsage, got.code, "%v", args)
		assert.Contains(t, got.stderr, "--help")
	}
	assert.Contains(t, inProcess(t, "one://app", "get").stderr, `"secrets get --help"`)
}

func TestAnInterruptEndsAReadThatHangs(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	cmd := command(t, []string{"SECRETS_URL=one://app", "FAKE_LOG=" + log}, "get", "hang")
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(log); return err == nil }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait()
	assert.Equal(t, ExitInterrupted, cmd.ProcessState.ExitCode())
}

func TestWhereSecretsLiveComesFromFlagsThenFromTheEnvironmentThenFromDotenv(t *testing.T) {
	got := inProcess(t, "one://app", "get", "--url", "env:// two://other", "api/key")
	assert.Equal(t, valueOf("other/api/key"), got.stdout)

	settings := file(t, "secrets.yaml", "references:\n  stripe: one://pay/stripe#port\n")
	got = inProcess(t, "one://app", "get", "--config", settings, "stripe")
	assert.Equal(t, "5432", got.stdout)
	t.Setenv("SECRETS_CONFIG", settings)
	assert.Equal(t, "5432", inProcess(t, "", "get", "stripe").stdout)
	got = inProcess(t, "one://app", "get", "stripe")
	assert.Equal(t, ExitInvalid, got.code)
	assert.Contains(t, got.stderr, "both SECRETS_URL and SECRETS_CONFIG are set")

	t.Setenv("SECRETS_CONFIG", "")
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile(".env", []byte("API_KEY=from dotenv\n"), 0o600))
	assert.Equal(t, "from dotenv", inProcess(t, "", "get", "api/key").stdout)
	t.Setenv("API_KEY", "from the environment")
	assert.Equal(t, "from the environment", inProcess(t, "", "get", "api/key").stdout)
	got = inProcess(t, "", "get", "nope")
	assert.Equal(t, ExitNotFound, got.code)
	assert.Contains(t, got.stderr, "SECRETS_URL is unset; looked in the environment and ")
	assert.Contains(t, got.stderr, filepath.Base(dir))
}

func TestListPrintsNamesAndGoesOnAfterAProviderThatCannot(t *testing.T) {
	got := inProcess(t, "one://app", "list")
	assert.Equal(t, outcome{ExitOK, "api/key\ndb/password\ndb/user\n", ""}, got)
	assert.Equal(t, "db/password\ndb/user\n", inProcess(t, "one://app", "list", "db").stdout)
	assert.JSONEq(t, `["api/key"]`, inProcess(t, "one://app", "list", "--json", "api").stdout)
	assert.JSONEq(t, `[]`, inProcess(t, "one://app", "list", "--json", "zzz").stdout)

	got = inProcess(t, "two://app one://app", "list", "api")
	assert.Equal(t, ExitPermission, got.code)
	assert.Equal(t, "api/key\n", got.stdout)
	assert.Contains(t, got.stderr, "list")
}

func TestListIsContentWithoutADotenvThatNobodyAskedFor(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("API_KEY", "one")
	got := inProcess(t, "", "list", "api")
	assert.Equal(t, outcome{ExitOK, "api/key\n", ""}, outcome{got.code, strings.ReplaceAll(got.stdout, "_", "/"), got.stderr})
	got = inProcess(t, "envfile://.env", "list")
	assert.Equal(t, ExitNotFound, got.code)
	assert.Contains(t, got.stderr, "does not exist")
}

func TestWatchPrintsEachVersionAndNoValueUntilItIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(secret, []byte(canary+" one"), 0o600))
	cmd := command(t, []string{"SECRETS_URL=file://" + dir}, "watch", "key")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	printed := bufio.NewScanner(out)
	var seen []string
	next := func() string {
		require.True(t, printed.Scan())
		seen = append(seen, printed.Text())
		return printed.Text()
	}
	first := next()
	assert.Regexp(t, `^\S+ key version [0-9a-f]{16}$`, first)
	require.NoError(t, os.WriteFile(secret, []byte(canary+" two"), 0o600))
	second := next()
	assert.Regexp(t, `^\S+ key version [0-9a-f]{16}$`, second)
	assert.NotEqual(t, first[strings.LastIndexByte(first, ' '):], second[strings.LastIndexByte(second, ' '):])
	require.NoError(t, os.Remove(secret))
	assert.Contains(t, next(), "key")
	assert.Contains(t, seen[2], "not found")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.False(t, printed.Scan())
	assert.NoError(t, cmd.Wait(), "it was asked to end")
	assert.NotContains(t, strings.Join(seen, "\n"), canary)
}

func TestWatchPrintsJSONLinesAndEndsAtANameThatCannotBe(t *testing.T) {
	got := inProcess(t, "one://app", "watch", "--json", "/x")
	assert.Equal(t, ExitInvalid, got.code)
	var c change
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &c))
	assert.Equal(t, "invalid", c.Class)
}

func TestNamesAreCompletedInTheShell(t *testing.T) {
	got := inProcess(t, "one://app", "__complete", "get", "db/")
	assert.Equal(t, "db/password\ndb/user\n:4\n", got.stdout) // 4: and no files
	assert.Contains(t, inProcess(t, "", "completion", "bash").stdout, "complete -o default")
	assert.Contains(t, inProcess(t, "", "completion", "zsh").stdout, "#compdef secrets")
}

func TestVersionTellsWhatItIs(t *testing.T) {
	assert.Regexp(t, `^secrets \S+ go\S+ \S+/\S+\n$`, inProcess(t, "", "version").stdout)
	var b build
	require.NoError(t, json.Unmarshal([]byte(inProcess(t, "", "version", "--json").stdout), &b))
	assert.NotEmpty(t, b.Go)
}

func TestHelpTellsTheExitCodes(t *testing.T) {
	got := inProcess(t, "", "--help")
	assert.Equal(t, ExitOK, got.code)
	for _, code := range []string{"3    no such secret", "125  exec"} {
		assert.Contains(t, got.stdout, code)
	}
}
