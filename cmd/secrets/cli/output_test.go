//go:build linux

package cli

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatCannotBePrintedIsAFailure(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"list"}, {"list", "--json"}, {"check", "api/key"}, {"check", "--json", "api/key"}, {"version"}, {"version", "--json"},
		{"--version"}, {"--help"}, {"get", "api/key"}, {"get", "--json", "api/key"}, {"watch", "api/key"}, {"watch", "--json", "api/key"}, {"completion", "bash"},
	} {
		const url = "SECRETS_URL=one://app"
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		cmd := command(t, []string{url}, args...)
		cmd.Stdout = full
		require.Error(t, cmd.Run(), args)
		assert.Equal(t, ExitFailure, cmd.ProcessState.ExitCode(), args)
		require.NoError(t, full.Close())

		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		cmd = command(t, []string{url}, args...)
		cmd.Stdout = w
		assert.Error(t, cmd.Run(), "%v: nobody reads", args)
		require.NoError(t, w.Close())
	}
}

func TestTheVersionIsAFlagToo(t *testing.T) {
	t.Parallel()
	flag, command := asProcess(t, nil, "--version"), asProcess(t, nil, "version")
	assert.Equal(t, ExitOK, flag.code)
	assert.Equal(t, command.stdout, flag.stdout)
	assert.Regexp(t, `^secrets \S+ go\S+ \S+/\S+\n$`, flag.stdout)
}

func TestAMisspelledFlagOrCommandIsToldTheNearest(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"did you mean --policy?":    {"check", "--polciy"},
		"did you mean --env-file?":  {"exec", "--envfile", ".env", "true"},
		"did you mean --min-lease?": {"exec", "--minlease=1s", "true"},
		"check":                     {"chekc"},
	} {
		got := asProcess(t, nil, args...)
		assert.Equal(t, ExitUsage, got.code)
		assert.Contains(t, got.stderr, want)
	}
	assert.NotContains(t, asProcess(t, nil, "list", "--nothing-alike").stderr, "did you mean")
}

func TestWaitGoesOnWhileABackendIsDown(t *testing.T) {
	t.Parallel()
	start := time.Now()
	got := asProcess(t, []string{"KEY=one://app/down"}, "exec", "--wait", "1s", "--", "true")
	assert.Equal(t, ExitExec, got.code)
	assert.Contains(t, got.stderr, "KEY: one://app/down")
	assert.Less(t, time.Since(start), 30*time.Second)
	got = asProcess(t, []string{"SECRETS_URL=one://app"}, "check", "--wait", "1s", "key", "down")
	assert.Equal(t, ExitFailure, got.code)
	assert.Contains(t, got.stderr, "down: one://app/down")
	assert.Contains(t, got.stdout, "key\tok")
	for _, args := range [][]string{{"check", "--wait", "1s", "key"}, {"exec", "--wait", "1s", "true"}} {
		assert.Equal(t, ExitOK, asProcess(t, []string{"SECRETS_URL=one://app", "KEY=one://app/key"}, args...).code)
	}
}
