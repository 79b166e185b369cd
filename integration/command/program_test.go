package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOneUnchangedProgramRunsOnEveryBackendBySecretsURLAlone(t *testing.T) {
	const document = `{"user":"app","password":"p&ss w0rd#1"}`

	dotenv := secretFile(t, ".env", "DB_USER=app\nDB_PASSWORD='p&ss w0rd#1'\nSTRIPE_KEY=sk_test\n")
	mounted := t.TempDir()
	for _, name := range []string{"db", "stripe"} {
		require.NoError(t, os.Mkdir(filepath.Join(mounted, name), 0o700))
	}
	for name, text := range map[string]string{"db/user": "app\n", "db/password": "p&ss w0rd#1\n", "stripe/key": "sk_test\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(mounted, name), []byte(text), 0o600))
	}
	putSecret(t, "prod/db", document)
	putSecret(t, "prod/stripe/key", "sk_test")
	putParameter(t, "/prod/db", document)
	putParameter(t, "/prod/stripe/key", "sk_test")
	kvMount(t, vault, "program")
	putKV(t, vault, "program/data/prod/db", map[string]any{"user": "app", "password": "p&ss w0rd#1"})
	putKV(t, vault, "program/data/prod/stripe", map[string]any{"key": "sk_test"})
	token := tokenFile(t, vault, `path "program/data/*" { capabilities = ["read"] }`)
	google.Put("projects/my-project/secrets/db", []byte(document))
	google.Put("projects/my-project/secrets/stripe-key", []byte("sk_test"))

	variables := []string{"DB_USER=app", "DB_PASSWORD=p&ss w0rd#1", "STRIPE_KEY=sk_test"}
	for backend, test := range map[string]struct {
		url string
		env []string
	}{
		"the environment, a document in a variable":  {"env://", []string{"DB=" + document, "STRIPE_KEY=sk_test"}},
		"the environment, a variable for each field": {"env://?tree=true", variables},
		"a mounted directory":                        {"file://" + mounted, nil},
		"a dotenv":                                   {"envfile://" + dotenv, nil},
		"AWS Secrets Manager":                        {"awssm://prod?endpoint=" + emulator.URL, awsEnv},
		"AWS Parameter Store":                        {"ssm:///prod?endpoint=" + emulator.URL, awsEnv},
		"HashiCorp Vault":                            {"vault://program/prod?address=" + vault.Addr + "&token_file=" + token, nil},
		"Google Secret Manager":                      {"gcp://my-project?endpoint=" + google.Addr(), nil},
		"a chain of two":                             {"env:// vault://program/prod?address=" + vault.Addr + "&token_file=" + token, nil},
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			got := finish(t, start(t, append([]string{"SECRETS_URL=" + test.url}, test.env...), programBin))
			assert.Equal(t, outcome{
				stdout: "user app, password [REDACTED] 48744ed4 (true), stripe 12b2820c, region none, document of 2, missing true\n",
			}, got)
		})
	}
}
