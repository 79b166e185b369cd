//go:build unix

package awssm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/canary"
)

// processes writes a profile dev whose credentials a command prints.
func processes(t *testing.T, command string, more ...string) {
	t.Helper()
	awstest.Environment(t, append(more, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")...)
	awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile dev]\ncredential_process = "+command+"\n")
}

const printed = `echo '{"Version":1,"AccessKeyId":"AKIDPROCESS","SecretAccessKey":"x"}'`

func TestACredentialProcessThatPrintsWithoutAnEndCostsNoMemoryAndEnds(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		class   error
		says    string
	}{
		"endless output":                    {"yes canary-31fe", secrets.ErrUnauthenticated, "it printed more than 256 KiB"},
		"endless output of a child":         {"yes canary-31fe; true", secrets.ErrUnauthenticated, "it printed more than 256 KiB"},
		"endless output that takes no hint": {"trap '' PIPE TERM; while :; do echo canary-31fe 2>/dev/null; done", secrets.ErrUnauthenticated, "it printed more than 256 KiB"},
		"a gigabyte":                        {"head -c 1000000000 /dev/zero", secrets.ErrUnauthenticated, "it printed more than 256 KiB"},
		"drop by drop":                      {"while :; do printf c; sleep 0.05; done", secrets.ErrUnavailable, "did not come in time"},
		"silence of a child":                {"sleep 3; true", secrets.ErrUnavailable, "did not come in time"},
		"an exit status":                    {"exit 7", secrets.ErrUnauthenticated, "it failed: exit status 7"},
		"no such command":                   {"/no/such/command-of-ours 2>/dev/null", secrets.ErrUnauthenticated, "it failed: exit status 127"},
		"output that is left open":          {"sleep 4 & " + printed, secrets.ErrUnauthenticated, "still has its output open"},
	} {
		t.Run(name, func(t *testing.T) {
			processes(t, c.command)
			p, err := open(t.Context(), secrets.Ref{Scheme: "awssm", Options: map[string]string{"endpoint": awstest.Unused(t)}})
			require.NoError(t, err)
			patience := 20 * time.Second
			if c.class == secrets.ErrUnavailable {
				patience = 500 * time.Millisecond
			}
			began := time.Now()
			most := answers.Peak(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err = p.Fetch(ctx, referenced("db"))
				require.NoError(t, p.(*Provider).Close())
			})
			requireClass(t, err, c.class, c.says, "credential_process of profile dev")
			assert.Less(t, time.Since(began), patience+5*time.Second)
			assert.Less(t, most, uint64(canary.HeapRoom))
			awstest.NoCanary(t, err, "canary-31fe")
		})
	}
}

func TestACredentialProcessEndsWithWhatWaitsForIt(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	processes(t, "exec sh -c 'echo $$ >"+trace+"; exec sleep 60'")
	p := fromURI(t, map[string]string{"endpoint": awstest.Unused(t)})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.Fetch(ctx, referenced("db"))
	requireClass(t, err, secrets.ErrUnavailable, "in time")
	data, err := os.ReadFile(trace)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }, 10*time.Second, 10*time.Millisecond, "the command is ended")
}

func TestARoleIsAssumedWithWhatAProcessPrints(t *testing.T) {
	source := awstest.NewSource(t, awstest.Trouble{})
	s := awstest.NewServer(t, awstest.SecretsManager{"db": "a value"}.Handle)
	for name, profiles := range map[string]string{
		"with a long token":      "[profile dev]\ncredential_process = printf '{\"Version\":1,\"AccessKeyId\":\"AKIDPROCESS\",\"SecretAccessKey\":\"x\",\"SessionToken\":\"%020000d\"}' 7\n",
		"the profile's own":      "[profile dev]\ncredential_process = " + printed + "\n",
		"a role over it":         "[profile dev]\nrole_arn = " + awstest.Role + "\nsource_profile = base\nexternal_id = abc\nduration_seconds = 7200\n[profile base]\ncredential_process = " + printed + "\n",
		"a role over that":       "[profile dev]\nrole_arn = " + awstest.Role + "\nsource_profile = mid\n[profile mid]\nrole_arn = " + awstest.Role + "\nsource_profile = base\n[profile base]\ncredential_process = " + printed + "\n",
		"?role= over the others": "[profile dev]\ncredential_process = " + printed + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev", "AWS_ENDPOINT_URL_STS="+source.URL)
			awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), profiles)
			options := map[string]string{"endpoint": s.URL}
			want := "ASIASTS"
			if strings.HasPrefix(name, "?role=") {
				options["role"] = awstest.Role
			} else if name == "the profile's own" || name == "with a long token" {
				want = "AKIDPROCESS"
			}
			s.Reset()
			_, err := fetch(t, fromURI(t, options), referenced("db"))
			require.NoError(t, err)
			assert.Equal(t, want, s.Requests()[0].KeyID)
		})
	}
}
