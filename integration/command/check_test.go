package command

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/vaultserver"
	"github.com/go-secrets/secrets/internal/gcpfake"
	"github.com/go-secrets/secrets/secrethttp"
	_ "github.com/go-secrets/secrets/vault"
)

// A report is what check --json prints.
type report struct {
	OK        bool
	Providers []struct{ Provider, State, Credentials, Error, Missing string }
	Names     []struct {
		Name, State, Provider, Document, Version, Error, Missing string
		Created                                                  string
		LatencyMS                                                float64                      `json:"latency_ms"`
		Running                                                  struct{ State, Held string } `json:"running"`
	}
}

// check runs the command as machines do, and once more as people do, without a
// terminal, for what it says of failures.
func check(t *testing.T, url string, env []string, args ...string) (report, string) {
	t.Helper()
	env = append([]string{"SECRETS_URL=" + url}, env...)
	got := command(t, env, append([]string{"check", "--json"}, args...)...)
	var rep report
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &rep), "%s%s", got.stdout, got.stderr)
	want := 0
	if !rep.OK {
		want = 1
	}
	assert.Equal(t, want, got.code)
	text := command(t, env, append([]string{"check"}, args...)...)
	assert.Equal(t, want, text.code)
	for _, canary := range []string{"hunter2", vault.Token, "not-a-real-key"} {
		assert.NotContains(t, got.stdout+got.stderr+text.stdout+text.stderr, canary)
	}
	return rep, text.stdout + text.stderr
}

func TestCheckWhenAllIsWell(t *testing.T) {
	putSecret(t, "well/db", `{"password":"hunter2"}`)
	putParameter(t, "/well/db", "hunter2")
	kvMount(t, vault, "well")
	putKV(t, vault, "well/data/db", map[string]any{"password": "hunter2"})
	token := tokenFile(t, vault, `path "well/data/db" { capabilities = ["read"] }`)
	google.Put("projects/well/secrets/db-password", []byte("hunter2"))
	dotenv := secretFile(t, ".env", "DB_PASSWORD=hunter2\n")

	for url, c := range map[string]struct{ name, version, credentials string }{
		"awssm://well?endpoint=" + emulator.URL:                       {"db/password", "[0-9a-f-]{36}", "accepted"},
		"ssm:///well?endpoint=" + emulator.URL:                        {"db", "1@.*Z", "accepted"},
		"vault://well?address=" + vault.Addr + "&token_file=" + token: {"db/password", "1", "accepted"},
		"gcp://well?endpoint=" + google.Addr():                        {"db/password", "1", "accepted"},
		"envfile://" + dotenv:                                         {"db/password", "[0-9a-f]{16}", "not needed"},
		"file:///no/such/directory envfile://" + dotenv + " gcp://not-reached?endpoint=" + google.Addr(): {"db/password", "[0-9a-f]{16}", "not needed"},
	} {
		rep, said := check(t, url, awsEnv, c.name)
		assert.True(t, rep.OK, "%s: %s", url, said)
		assert.Equal(t, c.credentials, rep.Providers[0].Credentials, url)
		require.Len(t, rep.Names, 1)
		assert.Equal(t, "ok", rep.Names[0].State)
		assert.Regexp(t, "^"+c.version+"$", rep.Names[0].Version, url)
		assert.NotEmpty(t, rep.Names[0].Document)
		assert.Positive(t, rep.Names[0].LatencyMS)
	}
}

func TestCheckWithoutCredentials(t *testing.T) {
	for url, says := range map[string]string{
		"awssm://prod?region=eu-west-1&endpoint=" + emulator.URL: "no AWS credentials",
		"ssm:///prod?region=eu-west-1&endpoint=" + emulator.URL:  "no AWS credentials",
		"vault://secret?address=" + vault.Addr:                   "no Vault credentials",
		"gcp://my-project":                                       "no Google Cloud credentials",
	} {
		rep, said := check(t, url, nil, "db/password")
		assert.Equal(t, "unauthenticated", rep.Providers[0].State, url)
		assert.Equal(t, "refused or missing", rep.Providers[0].Credentials, url)
		assert.Equal(t, "unauthenticated", rep.Names[0].State, url)
		assert.Contains(t, said, says, url)
	}
	rep, said := check(t, "vault://secret?address="+vault.Addr, []string{"VAULT_TOKEN=hvs.bogus"}, "db")
	assert.Equal(t, "refused or missing", rep.Providers[0].Credentials, said)
}

func TestCheckInTheWrongRegionTellsTheRegionInWhichItLooked(t *testing.T) {
	putSecret(t, "region/db", "hunter2")
	rep, said := check(t, "awssm://region?region=us-west-2&endpoint="+emulator.URL, awsEnv, "db")
	assert.Equal(t, "not found", rep.Names[0].State)
	assert.Contains(t, said, "us-west-2")
	rep, said = check(t, "awssm://region?endpoint="+emulator.URL, awsEnv[:2], "db")
	assert.Equal(t, "invalid", rep.Names[0].State)
	assert.Contains(t, said, "no AWS region")
}

func TestCheckWithoutThePermissionTellsItsName(t *testing.T) {
	kvMount(t, vault, "denied")
	putKV(t, vault, "denied/data/db", map[string]any{"password": "hunter2"})
	token := tokenFile(t, vault, `path "denied/data/other" { capabilities = ["read"] }`)
	rep, said := check(t, "vault://denied?address="+vault.Addr+"&token_file="+token, nil, "db")
	assert.Equal(t, "permission denied", rep.Names[0].State)
	assert.Equal(t, "read on denied/data/db", rep.Names[0].Missing)
	assert.Contains(t, said, "missing permission: read on denied/data/db")
	assert.Equal(t, "accepted", rep.Providers[0].Credentials, "that the probe is denied shows that the token is good")

	iam := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"AccessDeniedException","message":"User: arn:aws:iam::123456789012:user/app is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/db because no identity-based policy allows the secretsmanager:GetSecretValue action"}`))
	}))
	defer iam.Close()
	rep, said = check(t, "awssm://prod?endpoint="+iam.URL, awsEnv, "db")
	assert.Equal(t, "secretsmanager:GetSecretValue", rep.Names[0].Missing, said)
	assert.Equal(t, "accepted", rep.Providers[0].Credentials)

	server, err := gcpfake.Start()
	require.NoError(t, err)
	defer server.Close()
	server.OnCall(func(context.Context, string, string) error {
		return status.Error(codes.PermissionDenied, "Permission 'secretmanager.versions.access' denied")
	})
	rep, said = check(t, "gcp://my-project?endpoint="+server.Addr(), nil, "db")
	assert.Equal(t, "secretmanager.versions.access", rep.Names[0].Missing, said)
}

func TestCheckOfAMissingSecretTellsWhereItLooked(t *testing.T) {
	kvMount(t, vault, "missing")
	token := tokenFile(t, vault, `path "missing/*" { capabilities = ["read"] }`)
	dotenv := secretFile(t, ".env", "X=1\n")
	rep, said := check(t, "envfile://"+dotenv+" vault://missing/prod?address="+vault.Addr+"&token_file="+token+" awssm://prod?endpoint="+emulator.URL, awsEnv, "stripe/key")
	assert.Equal(t, "not found", rep.Names[0].State)
	for _, place := range []string{
		"envfile://" + dotenv + "/stripe/key", "vault://missing/prod/stripe/key", "vault://missing/prod/stripe#key",
		"awssm://prod/stripe/key", "awssm://prod/stripe#key",
	} {
		assert.Contains(t, said, place)
	}
	for _, p := range rep.Providers {
		assert.Equal(t, "ok", p.State, p.Provider)
	}
}

func TestCheckWhenTheServerIsDown(t *testing.T) {
	token := secretFile(t, "token", "hvs.x\n")
	for _, url := range []string{
		"awssm://prod?endpoint=http://127.0.0.1:1", "ssm:///prod?endpoint=http://127.0.0.1:1",
		"vault://secret?address=http://127.0.0.1:1&token_file=" + token, "gcp://my-project?endpoint=127.0.0.1:1",
	} {
		rep, said := check(t, url, awsEnv, "db")
		assert.Equal(t, "unavailable", rep.Providers[0].State, url)
		assert.Equal(t, "unknown", rep.Providers[0].Credentials, url)
		assert.Equal(t, "unavailable", rep.Names[0].State, url)
		assert.Contains(t, said, "127.0.0.1:1", url)
	}
}

func TestCheckWhenVaultIsSealed(t *testing.T) {
	s := vaultserver.Start(t)
	token := secretFile(t, "token", s.Token+"\n")
	s.Seal(t)
	rep, said := check(t, "vault://secret?address="+s.Addr+"&token_file="+token, nil, "db")
	assert.Equal(t, "unavailable", rep.Providers[0].State)
	assert.Equal(t, "unavailable", rep.Names[0].State)
	assert.Contains(t, said, "the server is sealed: unseal it")
	assert.NotContains(t, said, s.Token)
}

func TestCheckAgainstARunningProcessTellsWhichVersionsDiffer(t *testing.T) {
	kvMount(t, vault, "running")
	putKV(t, vault, "running/data/db", map[string]any{"password": "hunter2"})
	putKV(t, vault, "running/data/api", map[string]any{"key": "hunter2"})
	token := tokenFile(t, vault, `path "running/data/*" { capabilities = ["read"] }`)
	url := "vault://running?address=" + vault.Addr + "&token_file=" + token
	r, err := secrets.Open(t.Context(), url)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Preload(t.Context(), "db#password", "api#key"))
	process := httptest.NewServer(secrethttp.StatusHandler(r))
	defer process.Close()

	rep, said := check(t, url, nil, "--against", process.URL)
	assert.True(t, rep.OK, said)
	require.Len(t, rep.Names, 2)
	putKV(t, vault, "running/data/db", map[string]any{"password": "hunter2!"})
	rep, said = check(t, url, nil, "--against", process.URL)
	assert.False(t, rep.OK)
	assert.Equal(t, "same", rep.Names[0].Running.State)
	assert.Equal(t, "differs", rep.Names[1].Running.State)
	assert.Contains(t, said, "differs: holds 1, reads again in")
}

func TestTheLeastPolicyForVaultIsEnough(t *testing.T) {
	kvMount(t, vault, "least")
	putKV(t, vault, "least/data/prod/db", map[string]any{"user": "app", "password": "hunter2"})
	got := command(t, []string{"SECRETS_URL=vault://least/prod"}, "check", "--policy", "db#password", "db/user")
	require.Equal(t, 0, got.code, got.stderr)
	token := tokenFile(t, vault, got.stdout)
	rep, said := check(t, "vault://least/prod?address="+vault.Addr+"&token_file="+token, nil, "db#password", "db/user")
	assert.True(t, rep.OK, said)
}
