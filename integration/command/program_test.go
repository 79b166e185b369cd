package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOneUnchangedProgramRunsOnEveryBackendBySecretsURLAlone(t *testing.T) {
	const document = `{"user":"app","password":"p&ss w0rd#1"}`

	dotenv := secretFile(t, ".env", "DB_USER=app\nDB_PASSWORD='p&ss w0rd#1'\nSTRIPE_KEY=sk_test\n")
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

	for backend, url := range map[string]string{
		"a dotenv":              "envfile://" + dotenv,
		"AWS Secrets Manager":   "awssm://prod?endpoint=" + emulator.URL,
		"AWS Parameter Store":   "ssm:///prod?endpoint=" + emulator.URL,
		"HashiCorp Vault":       "vault://program/prod?address=" + vault.Addr + "&token_file=" + token,
		"Google Secret Manager": "gcp://my-project?endpoint=" + google.Addr(),
		"a chain of two":        "env:// vault://program/prod?address=" + vault.Addr + "&token_file=" + token,
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			got := finish(t, start(t, append([]string{"SECRETS_URL=" + url}, awsEnv...), programBin))
			assert.Equal(t, outcome{
				stdout: "user app, password [REDACTED] 48744ed4 (true), stripe 12b2820c, region none, document of 2, missing true\n",
			}, got)
		})
	}
}
