//go:build unix

package cli

import (
	"io"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onTerminal runs the command on a terminal and returns what is seen there.
func onTerminal(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := command(t, append(env, "TERM=xterm"), args...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 160})
	require.NoError(t, err)
	defer terminal.Close()
	seen, _ := io.ReadAll(terminal) // ends with EIO, when the process does
	_ = cmd.Wait()
	return string(seen)
}

func TestATerminalHasTablesAndColours(t *testing.T) {
	t.Parallel()
	env := []string{"SECRETS_URL=env:// one://app"}
	seen := onTerminal(t, env, "check", "api/key", "denied")
	assert.Regexp(t, `(?m)^\x1b\[1mPROVIDER\x1b\[0m   \x1b\[1mSTATE\x1b\[0m  \x1b\[1mCREDENTIALS\x1b\[0m  \x1b\[1mLATENCY\x1b\[0m\r$`, seen)
	assert.Regexp(t, `(?m)^one://app  \x1b\[32mok\x1b\[0m     accepted     \S+\r$`, seen)
	assert.Regexp(t, `(?m)^api/key  \x1b\[32mok\x1b\[0m                 one://app/api/key  v1       -    \S+\r$`, seen)
	assert.Regexp(t, `(?m)^denied   \x1b\[31mpermission denied\x1b\[0m  -                  -        -    \S+\r$`, seen)
	assert.Contains(t, seen, "missing permission: \x1b[33mfake:Read on app/denied\x1b[0m")
	assert.NotContains(t, seen, canary)

	seen = onTerminal(t, append(env, "NO_COLOR=1"), "check", "api/key")
	assert.NotContains(t, seen, "\x1b")
	assert.Contains(t, seen, "NAME     STATE  DOCUMENT")
	seen = onTerminal(t, env, "check", "--json", "api/key")
	assert.NotContains(t, seen, "\x1b", "JSON is for machines, wherever it goes")
}

func TestAValueEndsItsLineOnATerminal(t *testing.T) {
	t.Parallel()
	assert.Equal(t, valueOf("app/api/key")+"\r\n", onTerminal(t, []string{"SECRETS_URL=one://app"}, "get", "api/key"))
}

func TestALongCheckShowsHowFarItIs(t *testing.T) {
	t.Parallel()
	seen := onTerminal(t, []string{"SECRETS_URL=one://app"}, append([]string{"check", "slow"}, lines("key%d", 5)...)...)
	assert.Contains(t, seen, "checking 7 of 7")
	assert.Contains(t, seen, "\r\x1b[K\x1b[1mPROVIDER", "and takes it away")
}
