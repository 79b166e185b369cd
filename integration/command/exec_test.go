package command

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/integration/internal/pgserver"
)

func TestExecReads200ReferencesOverThreeBackendsInBatches(t *testing.T) {
	kvMount(t, vault, "many")
	for i := range 67 {
		putSecret(t, fmt.Sprintf("many/%d", i), fmt.Sprintf("a%d", i))
		putParameter(t, fmt.Sprintf("/many/%d", i), fmt.Sprintf("b%d", i))
		putKV(t, vault, fmt.Sprintf("many/data/%d", i), map[string]any{"value": fmt.Sprintf("c%d", i)})
	}
	var mu sync.Mutex
	calls := make(map[string]int)
	counted := func(target string, name func(*http.Request) string) string {
		u, err := url.Parse(target)
		require.NoError(t, err)
		proxy := httputil.NewSingleHostReverseProxy(u)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			calls[name(r)]++
			mu.Unlock()
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	aws := counted(emulator.URL, func(r *http.Request) string { return r.Header.Get("X-Amz-Target") })
	hashicorp := counted(vault.Addr, func(r *http.Request) string {
		if strings.Contains(r.URL.Path, "/many/data/") {
			return "vault read"
		}
		return "vault other"
	})
	env := append([]string{"AWS_ENDPOINT_URL=" + aws, "VAULT_ADDR=" + hashicorp, "VAULT_TOKEN=" + vault.Token}, awsEnv...)
	want := make(map[string]string)
	for i := range 200 {
		variable, n := "V"+strconv.Itoa(i), i/3
		env = append(env, variable+"="+[]string{"awssm://many/", "ssm:///many/", "ref+vault://many/"}[i%3]+strconv.Itoa(n))
		want[variable] = string("abc"[i%3]) + strconv.Itoa(n)
	}
	got := command(t, env, "exec", "--", "env")
	require.Equal(t, 0, got.code, got.stderr)
	seen := make(map[string]string)
	for line := range strings.Lines(got.stdout) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if _, ok := want[name]; ok {
			seen[name] = value
		}
	}
	assert.Equal(t, want, seen)
	assert.Equal(t, map[string]int{
		"secretsmanager.BatchGetSecretValue": 4,  // 67, 20 in a call
		"AmazonSSM.GetParameters":            7,  // 67, 10 in a call
		"vault read":                         66, // no batches there: side by side
		"vault other":                        calls["vault other"],
	}, calls)
	assert.LessOrEqual(t, calls["vault other"], 8, "what is mounted is asked once, give or take those who ask together")
}

func TestExecTakesTheFormsOfOtherTools(t *testing.T) {
	kvMount(t, vault, "forms")
	putKV(t, vault, "forms/data/db", map[string]any{"password": "one"})
	putSecret(t, "forms/db", `{"password":"two"}`)
	putParameter(t, "/forms/db", "three")
	arn := secretARN(t, "forms/db")
	got := command(t, append([]string{
		"AWS_ENDPOINT_URL=" + emulator.URL, "VAULT_ADDR=" + vault.Addr, "VAULT_TOKEN=" + vault.Token,
		"BANK_VAULTS=vault:forms/data/db#password#1", "VALS=ref+vault://forms/db#/password", "SECRETREF=secretref+vault://forms/db#password",
		"ECS=" + arn + ":password::", "ARN=" + arn, "VALS_AWS=ref+awssecrets://forms/db#/password",
		"PARAMETER=arn:aws:ssm:eu-west-1:123456789012:parameter/forms/db", "VALS_SSM=ref+awsssm://forms/db",
		"ROLE=arn:aws:iam::123456789012:role/app", "QUEUE=arn:aws:sqs:eu-west-1:123456789012:queue", "HOST=vault:8200",
	}, awsEnv...), "exec", "--except", "PARAMETER", "--", "env") // which the emulator knows by name only
	require.Equal(t, 0, got.code, got.stderr)
	for _, want := range []string{
		"BANK_VAULTS=one", "VALS=one", "SECRETREF=one", "ECS=two", `ARN={"password":"two"}`, "VALS_AWS=two", "VALS_SSM=three",
		"ROLE=arn:aws:iam::123456789012:role/app", "QUEUE=arn:aws:sqs:eu-west-1:123456789012:queue", "HOST=vault:8200",
	} {
		assert.Contains(t, got.stdout, want+"\n")
	}
}

func TestADynamicUserOfVaultStillWorksAfterExec(t *testing.T) {
	db := pgserver.Start(t)
	require.NoError(t, vault.Client(t).Sys().Mount("database", &api.MountInput{Type: "database"}))
	t.Cleanup(func() { _ = vault.Client(t).Sys().Unmount("database") })
	write(t, vault, "database/config/pg", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": db.User, "password": db.Password,
		"connection_url": "postgresql://{{username}}:{{password}}@" + db.Addr() + "/postgres?sslmode=disable",
	})
	write(t, vault, "database/roles/app", map[string]any{
		"db_name": "pg", "default_ttl": "1h", "max_ttl": "24h",
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
	write(t, vault, "database/roles/brief", map[string]any{
		"db_name": "pg", "default_ttl": "1m", "max_ttl": "1m",
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
	// The command logs in, so that the lease is that of a token of its own.
	require.NoError(t, vault.Client(t).Sys().EnableAuthWithOptions("approle", &api.EnableAuthOptions{Type: "approle"}))
	require.NoError(t, vault.Client(t).Sys().PutPolicy("creds", `path "database/creds/*" { capabilities = ["read"] }`))
	write(t, vault, "auth/approle/role/app", map[string]any{"token_policies": "creds", "token_ttl": "1h", "token_max_ttl": "24h"})
	role, err := vault.Client(t).Logical().Read("auth/approle/role/app/role-id")
	require.NoError(t, err)
	secretID := write(t, vault, "auth/approle/role/app/secret-id", nil).Data["secret_id"].(string)
	options := "?auth=approle&role_id=" + role.Data["role_id"].(string) + "&secret_id_file=" + secretFile(t, "secret-id", secretID)
	env := []string{
		"SECRETS_URL=vault://secret" + options, // how to log in is the operator's to say, and not a variable's
		"VAULT_ADDR=" + vault.Addr, "DB_USER=vault://database/creds/app" + options + "#username", "DB_PASSWORD=vault://database/creds/app" + options + "#password",
	}

	cmd := start(t, env, secretsBin, "exec", "--", "sh", "-c", `echo "$DB_USER"; echo "$DB_PASSWORD"; exec sleep 60`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var said strings.Builder
	cmd.Stderr = &said
	require.NoError(t, cmd.Start())
	printed := bufio.NewScanner(out)
	if !printed.Scan() {
		_ = cmd.Wait() // from here on nothing writes to said
		require.Fail(t, "the program did not start", said.String())
	}
	user := printed.Text()
	require.True(t, printed.Scan())
	password := printed.Text()
	require.NoError(t, db.Login(user, password), "the user lives, and so does the login that its lease depends on")
	args, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/cmdline")
	require.NoError(t, err)
	assert.Equal(t, "sleep\x0060\x00", string(args), "the program is the process that was started, and has no value in its arguments")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	assert.Equal(t, syscall.SIGTERM, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), "SIGTERM reaches the program")
	assert.Regexp(t, `^secrets: DB_PASSWORD, DB_USER: valid until \S+Z; not renewed after exec\n$`, said.String())
	users := func() []string {
		return db.Strings(t, `SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'v-%'`)
	}
	assert.Equal(t, []string{user}, users(), "one for both variables")

	brief := strings.ReplaceAll(strings.Join(env, "\n"), "creds/app", "creds/brief")
	got := command(t, strings.Split(brief, "\n"), "exec", "--", "true")
	assert.Equal(t, 125, got.code)
	assert.Contains(t, got.stderr, "nothing renews it after exec; --min-lease is 1h0m0s")
	require.Eventually(t, func() bool { return len(users()) == 1 }, 10*time.Second, 50*time.Millisecond, "what is refused is given back")
}

func TestExecTellsEachFailureOfEachBackend(t *testing.T) {
	env := append([]string{
		"AWS_ENDPOINT_URL=" + emulator.URL, "VAULT_ADDR=" + vault.Addr, "VAULT_TOKEN=hvs.bogus",
		"ONE=awssm://no/such/secret#password", "TWO=ssm:///no/such/parameter", "THREE=vault://secret/x#y",
		"MIGRATIONS_URL=file://migrations", "DSN=postgres://u:ref+vault://x#/p+@h",
	}, awsEnv...)
	got := command(t, env, "exec", "--", "env")
	assert.Equal(t, 125, got.code)
	assert.Empty(t, got.stdout)
	assert.Contains(t, got.stderr, "DSN: invalid: a reference stands within other text")
	got = command(t, env, "exec", "--except", "DSN", "--", "env")
	assert.Equal(t, 125, got.code)
	assert.Contains(t, got.stderr, "3 failures")
	for _, want := range []string{"ONE: awssm://no/such/secret#password: not found", "TWO: ssm:///no/such/parameter: not found", "THREE: vault://secret/x#y: unauthenticated"} {
		assert.Contains(t, got.stderr, want)
	}
	assert.NotContains(t, got.stderr, "bogus")
	got = command(t, env, "exec", "--only", "MIGRATIONS_URL", "--", "env")
	assert.Contains(t, got.stdout, "MIGRATIONS_URL=file://migrations\n")
}
