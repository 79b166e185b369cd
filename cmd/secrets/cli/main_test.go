package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test binary is the command under test, too, with the fake backends in
// it, and the program that exec starts.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "child-"):
		child(os.Args[1])
	case os.Getenv("SECRETS_TEST_COMMAND") != "":
		Main()
	}
	// Nothing of whoever runs this may take part.
	for _, name := range []string{"SECRETS_URL", "SECRETS_CONFIG", "AWS_REGION", "AWS_DEFAULT_REGION", "NO_COLOR"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// An outcome is what a run of the command came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// inProcess runs the command here, with SECRETS_URL set.
func inProcess(t *testing.T, url string, args ...string) outcome {
	t.Helper()
	t.Setenv("SECRETS_URL", url)
	var out, err bytes.Buffer
	code := Run(t.Context(), args, &out, &err)
	return outcome{code, out.String(), err.String()}
}

// command prepares a process of the command with nothing in its environment
// but what is given.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append([]string{"SECRETS_TEST_COMMAND=1", "PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

// asProcess runs the command as a process.
func asProcess(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	return finish(t, command(t, env, args...))
}

func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil {
		require.IsType(t, &exec.ExitError{}, e)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// file makes a file of the test's own, that nobody else may read.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func lines(format string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}
