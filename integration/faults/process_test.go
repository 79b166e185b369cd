package faults_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// placesEnv tells a process that it runs one test of another one, and where
// that has its servers.
const placesEnv = "SECRETS_TEST_PLACES"

// places is where a test in a process of its own finds the servers, and what
// the backends log in with.
type places struct {
	Emulator, Vault, Google string // the addresses
	CA                      string // the file that Google's certificate is verified by
	Account                 string // a service account's file
	RoleID, SecretID, JWT   string // files of Vault's logins
	Token                   string // of Vault, which reads
	Value                   string // of the secret start/db
}

// here are the places of this process. own: it runs one test of another's.
var (
	here places
	own  bool
)

// findPlaces fills in here from the environment.
func findPlaces() error {
	text, ok := os.LookupEnv(placesEnv)
	if !ok {
		return nil
	}
	own = true
	return json.Unmarshal([]byte(text), &here)
}

// alone runs a test in a process of its
// own, because what it sets is the process's: variables, and with them the
// credentials. It returns what the test logged.
func alone(t *testing.T, run func(t *testing.T)) (log string) {
	t.Helper()
	if own {
		run(t)
		return ""
	}
	t.Parallel()
	exe, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(here)
	require.NoError(t, err)
	only := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), exe, "-test.run="+only, "-test.v", "-test.timeout=3m")
	cmd.Env = append(os.Environ(), placesEnv+"="+string(text))
	out, err := cmd.CombinedOutput()
	log = string(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	require.Contains(t, log, "--- PASS: "+t.Name()+" ", "the test has run")
	t.Log(log)
	return log
}
