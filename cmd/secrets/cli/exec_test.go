//go:build unix

package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// started runs exec in front of the child that tells of itself.
func started(t *testing.T, env []string, flags ...string) (selfPortrait, outcome) {
	t.Helper()
	cmd := command(t, env, slices.Concat([]string{"exec"}, flags, []string{"--", os.Args[0], "child-report"})...)
	got := finish(t, cmd)
	require.Equal(t, ExitOK, got.code, got.stderr)
	var self selfPortrait
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &self))
	assert.Equal(t, cmd.ProcessState.Pid(), self.PID, "the program is the same process")
	return self, got
}

// refused runs exec, which has to start nothing.
func refused(t *testing.T, env []string, flags ...string) string {
	t.Helper()
	got := asProcess(t, env, slices.Concat([]string{"exec"}, flags, []string{"--", os.Args[0], "child-report"})...)
	assert.Equal(t, ExitExec, got.code)
	assert.Empty(t, got.stdout)
	assert.Contains(t, got.stderr, "nothing was started")
	assert.NotContains(t, got.stderr, canary)
	return got.stderr
}

func variablesOf(p selfPortrait) map[string]string {
	vars := make(map[string]string)
	for _, entry := range p.Env {
		name, value, _ := strings.Cut(entry, "=")
		vars[name] = value
	}
	return vars
}

func TestExecStartsTheProgramWithItsReferencesResolvedAndTheRestAsItWas(t *testing.T) {
	t.Parallel()
	self, got := started(t, []string{
		"API_KEY=one://app/api", "PORT=one://app/api#port", "FOREIGN=ref+two://x/y#/port",
		"MIGRATIONS_URL=file://migrations", "FEATURES=env://x", "PLAIN=12345", "EMPTY=", "DSN=postgres://u:p@h/db", "MULTI=a\nb=c",
		"SECRETS_URL=one://app",
	}, "--except", "NOTHING")
	assert.Empty(t, got.stderr)
	vars := variablesOf(self)
	for name, want := range map[string]string{
		"API_KEY": valueOf("app/api"), "PORT": "5432", "FOREIGN": "5432",
		"MIGRATIONS_URL": "file://migrations", "FEATURES": "env://x", "PLAIN": "12345", "EMPTY": "", "DSN": "postgres://u:p@h/db", "MULTI": "a\nb=c",
		"SECRETS_URL": "one://app", // says where names are, and is no reference
	} {
		assert.Equal(t, want, vars[name], name)
	}
	assert.Equal(t, []string{os.Args[0], "child-report"}, self.Args)
}

func TestExecResolvesAFileOnlyIfTheValueSaysThatItIsAReference(t *testing.T) {
	t.Parallel()
	path := file(t, "token", canary+"\n")
	self, _ := started(t, []string{"TOKEN=secretref+file://" + path, "BARE=file://" + path})
	assert.Equal(t, canary, variablesOf(self)["TOKEN"])
	assert.Equal(t, "file://"+path, variablesOf(self)["BARE"])
}

func TestExecReads200ReferencesOverThreeBackendsInBatches(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	env := []string{"FAKE_LOG=" + log}
	for i := range 200 {
		scheme := []string{"one", "two", "three"}[i%3]
		env = append(env, "V"+strconv.Itoa(i)+"="+scheme+"://app/key"+strconv.Itoa(i))
	}
	self, _ := started(t, env)
	vars := variablesOf(self)
	for i := range 200 {
		assert.Equal(t, valueOf("app/key"+strconv.Itoa(i)), vars["V"+strconv.Itoa(i)])
	}
	calls := logged(t, log)
	slices.Sort(calls)
	assert.Equal(t, []string{
		"one batch 67", "one detach", "three batch 66", "three detach", "two batch 67", "two detach",
	}, calls)
}

func logged(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

func TestExecIsTheProgramToItsParent(t *testing.T) {
	t.Parallel()
	got := asProcess(t, []string{"KEY=one://app/key"}, "exec", os.Args[0], "child-fail")
	assert.Equal(t, 42, got.code, "the exit code is the program's")

	cmd := command(t, []string{"KEY=one://app/key"}, "exec", "--", os.Args[0], "child-wait")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.True(t, bufio.NewScanner(out).Scan(), "it runs")
	if args, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/cmdline"); err == nil { // on Linux
		assert.Equal(t, os.Args[0]+"\x00child-wait\x00", string(args), "no value in the process list")
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var ended *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &ended)
	assert.Equal(t, 43, ended.ExitCode(), "SIGTERM reaches the program")
}

func TestAnInterruptWhileExecReadsStartsNothing(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	cmd := command(t, []string{"KEY=one://app/key", "SLOW=two://app/hang", "FAKE_LOG=" + log}, "exec", "--", os.Args[0], "child-report")
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), "one fetch") && strings.Contains(string(text), "two fetch")
	}, 10*time.Second, 5*time.Millisecond)
	for _, name := range []string{"cmdline", "environ"} {
		if text, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/" + name); err == nil {
			assert.NotContains(t, string(text), canary)
		}
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	assert.Equal(t, ExitInterrupted, cmd.ProcessState.ExitCode())
	assert.Contains(t, errOut.String(), "interrupted; nothing was started")
	assert.Empty(t, out.String())
	assert.NotContains(t, errOut.String(), canary)
}

func TestExecIsAllOrNothingAndTellsEachFailure(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	said := refused(t, []string{
		"FAKE_LOG=" + log, "GOOD=one://app/key", "USER=one://app/hour",
		"GONE=one://app/missing", "DENIED=two://app/denied", "BINARY=three://app/binary", "NOFIELD=one://app/key#nope",
	})
	for _, want := range []string{
		"3 failures",
		"GONE: one://app/missing: not found: nothing at app/missing",
		"DENIED: two://app/denied: permission denied: not for you",
		"NOFIELD: one://app/key#nope: not found",
	} {
		assert.Contains(t, said, want)
	}
	assert.NotContains(t, said, "GOOD")
	assert.Contains(t, logged(t, log), "one revoke app/hour", "a lease that was taken is given back")
	assert.Contains(t, refused(t, []string{"BINARY=three://app/binary"}), "BINARY: the value holds a NUL byte")
	large := file(t, "large", strings.Repeat("x", 128<<10))
	assert.Contains(t, refused(t, []string{"LARGE=ref+file://" + large}), "LARGE: the value has 131072 bytes")
	_, _ = started(t, []string{"LARGE=ref+file://" + file(t, "large", strings.Repeat("x", 128<<10-7))}) // LARGE= and a NUL
}

func TestExecRefusesWhatCannotBeAReferenceBeforeItReadsAnything(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	said := refused(t, []string{
		"FAKE_LOG=" + log, "GOOD=one://app/key",
		"DSN=postgres://u:ref+vault://x#/p+@h",
		"EVIL=one://app/key?endpoint=http://evil.example",
		"ODD=one://app/key?nosuch=1",
		"VAULT=vault://secret/x#y", // the backend is not linked here
		"CREDENTIAL=one://user:" + canary + "@host/x",
	})
	for _, want := range []string{
		"5 failures",
		"DSN: invalid: a reference stands within other text",
		"EVIL: invalid: the option endpoint of a one:// reference in a value says where credentials are sent",
		`ODD: invalid: one:// does not know the option "nosuch"`,
		`VAULT: invalid: no backend is linked for scheme "vault"`,
		"CREDENTIAL: invalid: one:// holds what looks like user:password@",
	} {
		assert.Contains(t, said, want)
	}
	assert.NotContains(t, said, "evil.example")
	assert.NoFileExists(t, log, "nothing was read")

	self, _ := started(t, []string{"SAME=one://app/key?endpoint=http://ours", "SECRETS_URL=one://?endpoint=http://ours"})
	assert.Equal(t, valueOf("app/key"), variablesOf(self)["SAME"], "a configured provider has the same endpoint")
}

func TestOnlyAndExceptChooseVariables(t *testing.T) {
	t.Parallel()
	env := []string{"DB_USER=one://app/user", "DB_PASSWORD=one://app/password", "API=one://app/api"}
	resolved := func(flags ...string) (names []string) {
		self, _ := started(t, env, flags...)
		for name, value := range variablesOf(self) {
			if strings.HasPrefix(value, canary) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	assert.Equal(t, []string{"API", "DB_PASSWORD", "DB_USER"}, resolved())
	assert.Equal(t, []string{"API"}, resolved("--only", "API"))
	assert.Equal(t, []string{"DB_PASSWORD", "DB_USER"}, resolved("--only=DB_*"))
	assert.Equal(t, []string{"API", "DB_USER"}, resolved("--except", "DB_PASSWORD,NOSUCH"))
	assert.Equal(t, []string{"DB_USER"}, resolved("--only", "DB_*", "--only", "API", "--except", "API", "--except", "*PASSWORD"))
	assert.Contains(t, refused(t, env, "--only", "NOSUCH"), "NOSUCH: there is no such variable")
	assert.Contains(t, refused(t, env, "--only", "["), "[: the pattern of variables is malformed")
}

func TestSpreadMakesVariablesOfTheKeysOfADocumentInItsPlace(t *testing.T) {
	t.Parallel()
	path := file(t, "db.json", `{"DB_USER":"app","DB_PORT":5432,"DB_TAGS":["a"],"NULL":null,"PATH":"/evil"}`)
	self, _ := started(t, []string{"DB=secretref+file://" + path}, "--spread", "DB")
	vars := variablesOf(self)
	assert.Equal(t, "app", vars["DB_USER"])
	assert.Equal(t, "5432", vars["DB_PORT"])
	assert.Equal(t, `["a"]`, vars["DB_TAGS"])
	assert.NotContains(t, vars, "NULL")
	assert.NotContains(t, vars, "DB")
	assert.Equal(t, os.Getenv("PATH"), vars["PATH"], "a document changes nothing that was set outright")

	self, _ = started(t, []string{`DB={"DB_USER":"plain"}`}, "--spread", "DB")
	assert.Equal(t, "plain", variablesOf(self)["DB_USER"])
	self, _ = started(t, []string{"DB=secretref+file://" + path, "KEY=one://app/key"}, "--only", "KEY", "--spread", "DB")
	assert.Equal(t, "app", variablesOf(self)["DB_USER"], "spread is chosen outright")

	assert.Contains(t, refused(t, []string{"TEXT=one://app/text"}, "--spread", "TEXT"), "TEXT: the value is no JSON object")
	assert.Contains(t, refused(t, nil, "--spread", "NOSUCH"), "NOSUCH: there is no such variable")
	odd := file(t, "odd.json", `{"A=B":"`+canary+`"}`)
	assert.Contains(t, refused(t, []string{"ODD=secretref+file://" + odd}, "--spread", "ODD"), `ODD: the key "A=B" cannot be the name of a variable`)
}

func TestFromMakesVariablesOfTheKeysOfASecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.json"), []byte(`{"TOKEN":"`+canary+`","HOME":"/evil"}`), 0o600))
	env := []string{"SECRETS_URL=file://" + dir, "HOME=/home/app"}
	self, _ := started(t, env, "--from", "app.json")
	assert.Equal(t, canary, variablesOf(self)["TOKEN"])
	assert.Equal(t, "/home/app", variablesOf(self)["HOME"])
	assert.Contains(t, refused(t, env, "--from", "nosuch"), "--from nosuch: file://")
	assert.Contains(t, refused(t, []string{"SECRETS_URL=one://app"}, "--from", "text"), "--from text: the value is no JSON object")
	assert.Contains(t, refused(t, nil, "--from", "nosuch"), "SECRETS_URL is unset")
}

func TestEnvFileAddsVariablesWhichWin(t *testing.T) {
	t.Parallel()
	first := file(t, "a b#1.env", "KEY=one://app/key\nPLAIN='a $b'\nWINS=file\n")
	second := file(t, "second.env", "PLAIN=second\n")
	self, _ := started(t, []string{"WINS=environment", "STAYS=yes"}, "--env-file", first, "--env-file", second)
	vars := variablesOf(self)
	assert.Equal(t, valueOf("app/key"), vars["KEY"])
	assert.Equal(t, "second", vars["PLAIN"])
	assert.Equal(t, "file", vars["WINS"])
	assert.Equal(t, "yes", vars["STAYS"])
	assert.Contains(t, refusedFile(t, "/no/such.env"), "/no/such.env")
	assert.Contains(t, refusedFile(t, file(t, ".env", "A=1\nB='"+canary+"\n")), "line 2")
}

func refusedFile(t *testing.T, path string) string {
	t.Helper()
	got := asProcess(t, nil, "exec", "--env-file", path, "true")
	assert.Equal(t, ExitExec, got.code)
	assert.NotContains(t, got.stderr, canary)
	return got.stderr
}

func TestALeaseLivesOnAfterExecAndStandardErrorSaysUntilWhen(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	self, got := started(t, []string{"FAKE_LOG=" + log, "DB_USER=one://app/hour", "DB_PORT=one://app/hour#port"})
	assert.Equal(t, valueOf("app/hour"), variablesOf(self)["DB_USER"])
	assert.Regexp(t, `^secrets: DB_PORT, DB_USER: valid until \S+Z; not renewed after exec\n$`, got.stderr)
	assert.Equal(t, []string{"one fetch app/hour", "one detach"}, logged(t, log), "neither revoked nor closed")
}

func TestALeaseThatEndsTooSoonIsRefused(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	env := []string{"FAKE_LOG=" + log, "DB_USER=one://app/minute"}
	said := refused(t, env)
	assert.Contains(t, said, "DB_USER: it ends at ")
	assert.Contains(t, said, "--min-lease is 1h0m0s")
	assert.Contains(t, logged(t, log), "one revoke app/minute")
	_, got := started(t, env, "--min-lease", "30s")
	assert.Contains(t, got.stderr, "valid until")
}

func TestAProgramThatCannotBeStartedHasTheExitCodeOfShells(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	env := []string{"FAKE_LOG=" + log, "KEY=one://app/key"}
	assert.Equal(t, ExitNoProgram, asProcess(t, env, "exec", "no-such-program").code)
	assert.Equal(t, ExitNoProgram, asProcess(t, env, "exec", "./no/such/program").code)
	assert.Equal(t, ExitNotExecutable, asProcess(t, env, "exec", file(t, "data", "no program")).code)
	assert.NoFileExists(t, log, "it was looked for before anything was read")
	notOne := file(t, "notone", "\x7fELF\x00 of another system")
	require.NoError(t, os.Chmod(notOne, 0o700))
	got := asProcess(t, env, "exec", notOne)
	assert.Equal(t, ExitNotExecutable, got.code)
	assert.NotContains(t, got.stderr, canary)
	assert.Equal(t, ExitUsage, asProcess(t, env, "exec").code)
}

func TestAScriptWithoutItsFirstLineIsRunByTheShell(t *testing.T) {
	t.Parallel()
	script := file(t, "script", "echo \"$0 $1 $KEY\"\nexit 7\n")
	require.NoError(t, os.Chmod(script, 0o700))
	got := asProcess(t, []string{"KEY=one://app/key"}, "exec", "--", script, "a b")
	assert.Equal(t, 7, got.code)
	assert.Equal(t, script+" a b "+valueOf("app/key")+"\n", got.stdout)
	empty := file(t, "empty", "")
	require.NoError(t, os.Chmod(empty, 0o700))
	assert.Equal(t, ExitNotExecutable, asProcess(t, nil, "exec", empty).code)
}

func TestAnEnvFileMayBeAPipe(t *testing.T) {
	t.Parallel()
	cmd := command(t, nil, "exec", "--env-file", "/dev/stdin", "--", os.Args[0], "child-report")
	cmd.Stdin = io.MultiReader(strings.NewReader("KEY=one://app/key\n"), strings.NewReader("PLAIN=p\n")) // which makes it a pipe
	got := finish(t, cmd)
	require.Equal(t, ExitOK, got.code, got.stderr)
	assert.Contains(t, got.stdout, valueOf("app/key"))
	assert.Contains(t, got.stdout, "PLAIN=p")
}

func TestAnEnvFileThatIsTheContentIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"TOKEN=" + canary + "\nB=c", "{" + canary + "}", canary + canary, strings.Repeat(canary, 200)} {
		got := asProcess(t, nil, "exec", "--env-file", content, "true")
		assert.Equal(t, ExitExec, got.code)
		assert.Contains(t, got.stderr, "--env-file")
		assert.NotContains(t, got.stderr, canary)
	}
}

func TestTheProgramIsFoundOnThePathThatItWillHave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(os.Args[0], filepath.Join(dir, "my-program")))
	got := asProcess(t, nil, "exec", "--env-file", file(t, ".env", "PATH="+dir+"\n"), "my-program", "child-fail")
	assert.Equal(t, 42, got.code)
}

func TestInstallCopiesTheCommandIntoASharedVolume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 { // an init container that is started again
		got := asProcess(t, nil, "install", dir)
		require.Equal(t, ExitOK, got.code, got.stderr)
		assert.Equal(t, filepath.Join(dir, "secrets")+"\n", got.stdout)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left there")
	info, err := entries[0].Info()
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode())

	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "secrets"), "exec", "--", os.Args[0], "child-report")
	cmd.Env = []string{"SECRETS_TEST_COMMAND=1", "KEY=one://app/key"}
	assert.Contains(t, finish(t, cmd).stdout, "KEY="+valueOf("app/key"))

	got := asProcess(t, nil, "install", filepath.Join(dir, "nosuch"))
	assert.Equal(t, ExitFailure, got.code)
}
