//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"context"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// hostileNames are names of secrets as somebody may choose them who may write
// some.
var hostileNames = []string{
	"a$(touch pwned)", "a`touch pwned`", "a;touch pwned", "a|touch pwned", "a\ntouch pwned", "a&touch pwned", "a<(touch pwned)", `a"$(touch pwned)"`, "a'$(touch pwned)'",
	"a\x1b]0;title\x07", "a\x1b[2J", "a\u009b2J", "a\rb", "a\u202eb", "a b", "a\tb", "a\x7fb", "-rf", "a{b,c}", "a*", "a!b", "a\\b", "a\xffb", "a\x9b1m",
}

// A hostile provider has these names, and puts them into all that it says.
type hostile struct{}

func init() {
	secrets.Register("hostile", secrets.Backend{Open: func(context.Context, secrets.Ref) (secrets.Provider, error) { return hostile{}, nil }})
}

const escapes = "\x1b]0;pwned\x07\x1b[2J\u009b31m\r\u202e"

func (hostile) Fetch(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
	if strings.HasPrefix(ref.Join(), "bad") {
		return secrets.Value{}, &fault.Error{Class: secrets.ErrPermission, Msg: "not for you " + escapes, Missing: escapes}
	}
	return secrets.Value{Data: []byte("value" + escapes), Version: "v" + escapes}, nil
}

func (hostile) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range append([]string{"good/name", "goods"}, hostileNames...) {
			if strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
		yield("", fault.New(secrets.ErrUnavailable, "no more"+escapes, nil))
	}
}

var colours = regexp.MustCompile("\x1b\\[(1|0|31|32|33)m|\r\x1b\\[K|\r\n")

func TestNothingOnATerminalIsACommandToIt(t *testing.T) {
	t.Parallel()
	env := []string{"SECRETS_URL=hostile://"}
	for _, args := range [][]string{
		{"list"}, {"list", "--json"}, {"check", "x", "bad" + escapes, "y" + escapes}, {"check", "--json", "x", "bad" + escapes}, {"check", "--policy", "a" + escapes},
		{"get", "x"}, {"get", "--json", "x"}, {"get", "bad" + escapes}, {"watch", "bad/" + escapes}, {"no" + escapes}, {"get", "--no" + escapes},
		{"exec", "--from", "bad" + escapes, "true"}, {"exec", "--only", escapes, "true"}, {"exec", "no" + escapes}, {"--config", escapes, "list"}, {"--url", escapes + "://", "list"},
		{"check", "--against", "http://" + escapes}, {"install", "/no" + escapes},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			var seen string
			if args[0] == "watch" {
				seen = watched(t, env, args...)
			} else {
				seen = onTerminal(t, env, args...)
			}
			assert.NotEmpty(t, seen)
			rest := colours.ReplaceAllString(seen, "\n")
			for i, c := range rest {
				if c != '\n' && c != '\t' && commands(c) || c == '\ufffd' && rest[i] >= 0x80 && rest[i] < 0xa0 {
					t.Fatalf("%q has %q at %d", rest, c, i)
				}
			}
		})
	}
}

// watched runs watch on a terminal until it has printed a line.
func watched(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := command(t, append(env, "TERM=xterm"), args...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 160})
	require.NoError(t, err)
	defer terminal.Close()
	line, err := bufio.NewReader(terminal).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	return line
}

func TestErrorsHaveNoControlCharactersWhereverTheyGo(t *testing.T) {
	t.Parallel()
	got := asProcess(t, []string{"SECRETS_URL=hostile://"}, "check", "bad"+escapes)
	assert.NotContains(t, got.stderr, "\x1b")
	assert.NotContains(t, got.stderr, "\u009b")
	assert.NotContains(t, got.stdout, "\x1b", "a cell of a table is one line of text")
	got = asProcess(t, []string{"SECRETS_URL=hostile://"}, "list")
	assert.Contains(t, got.stdout, "a\x1b[2J\n", "a script gets names as they are")
	assert.NotContains(t, got.stderr, "\x1b")
	got = asProcess(t, []string{"SECRETS_URL=hostile://"}, "get", "x")
	assert.Equal(t, "value"+escapes, got.stdout, "and the value byte for byte")
}

func TestHarmlessKeepsTextAndWritesCommandsAsEscapes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain, ü 密 é":   "plain, ü 密 é",
		"a\x1b[1mb":      `a\x1b[1mb`,
		"a\u009bb":       `a\u009bb`,
		"a\x9bb\xff":     `a\x9bb\xff`,
		"a\u202eb\u2066": `a\u202eb\u2066`,
		"a\r\nb\tc":      "a\\x0d\nb\tc",
		"\ufffd \x7f":    "\ufffd \\x7f",
	} {
		assert.Equal(t, want, harmless(in, "\n\t"))
	}
	assert.Equal(t, `{"a": "\u009b\u007fü"}`+"\n", string(harmlessJSON([]byte("{\"a\": \"\u009b\x7fü\"}\n"))))
}

// The completion of a real bash, in which the names of secrets that somebody
// else chose stand on the command line.
func TestCompletingANameInBashRunsNothing(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	require.NoError(t, err, "bash is needed")
	dir := t.TempDir()
	require.NoError(t, os.Symlink(os.Args[0], filepath.Join(dir, "secrets")))
	env := []string{"SECRETS_TEST_COMMAND=1", "SECRETS_URL=hostile://", "PATH=" + dir + ":" + os.Getenv("PATH")}
	script := asProcess(t, nil, "completion", "bash")
	require.Equal(t, ExitOK, script.code)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "completion"), []byte(script.stdout), 0o600))
	for _, typed := range []string{"", "a", "a$", "go", "-"} {
		// What bash does at TAB, without the package bash-completion: the
		// function, what it says, and a second TAB on what that put on the line.
		program := `
_get_comp_words_by_ref() { COMP_WORDS=("secrets" "get" "$TYPED"); cword=2; cur="$TYPED"; prev=get; words=("${COMP_WORDS[@]}"); }
__ltrim_colon_completions() { :; }
compopt() { :; }
source ./completion
TYPED="$1"; COMP_LINE="secrets get $TYPED"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_CWORD=2; COMP_WORDS=(secrets get "$TYPED")
__start_secrets
printf '%s\n' "${COMPREPLY[@]}"
for first in "${COMPREPLY[@]}"; do
  TYPED="$first"; COMP_LINE="secrets get $TYPED"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
  __start_secrets
done
`
		cmd := exec.CommandContext(t.Context(), bash, "--norc", "--noprofile", "-c", program, "bash", typed)
		cmd.Dir, cmd.Env = dir, env
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		require.NoError(t, cmd.Run(), errs.String())
		assert.NoFileExists(t, filepath.Join(dir, "pwned"), "typed %q", typed)
		assert.NotContains(t, out.String(), "touch", "typed %q", typed)
		if typed == "go" {
			assert.Contains(t, out.String(), "good", "good names are completed")
		}
	}
}

func TestOnlyNamesThatAreOneWordToAShellAreCompleted(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		assert.False(t, completable(name), "%q", name)
	}
	for _, name := range []string{"db/password", "db#user", "team@prod/db", "a.b-c_d", "ключ", "a:b", "a+b=c,d%20"} {
		assert.True(t, completable(name), name)
	}
	// zsh and fish ask the same program, whose answer holds none of them.
	got := asProcess(t, []string{"SECRETS_URL=hostile://"}, "__complete", "get", "")
	assert.Equal(t, "good/name\ngoods\n:4\n", got.stdout)
	for _, shell := range []string{"zsh", "fish", "powershell"} {
		assert.Contains(t, asProcess(t, nil, "completion", shell).stdout, "__complete")
	}
}
