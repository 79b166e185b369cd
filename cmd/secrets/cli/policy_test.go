package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	_ "github.com/go-secrets/secrets/awssm" // ARNs and the like are read by their backends
	_ "github.com/go-secrets/secrets/gcp"
	_ "github.com/go-secrets/secrets/ssm"
)

// policyOf runs check --policy. Nothing is opened.
func policyOf(t *testing.T, url string, names ...string) outcome {
	t.Helper()
	got := inProcess(t, url, append([]string{"check", "--policy"}, names...)...)
	assert.Equal(t, ExitOK, got.code, got.stderr)
	return got
}

func iamOf(t *testing.T, text string) map[string][]string {
	t.Helper()
	var d iamDocument
	require.NoError(t, json.Unmarshal([]byte(text), &d), text)
	assert.Equal(t, "2012-10-17", d.Version)
	granted := make(map[string][]string)
	for _, s := range d.Statement {
		assert.Equal(t, "Allow", s.Effect)
		for _, action := range s.Action {
			granted[action] = s.Resource
		}
	}
	return granted
}

func TestTheLeastPolicyForSecretsManager(t *testing.T) {
	assert.Equal(t, map[string][]string{
		"secretsmanager:GetSecretValue": {"arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????"},
	}, iamOf(t, policyOf(t, "awssm://prod?region=eu-west-1", "db#password", "db#user").stdout))

	got := policyOf(t, "awssm://prod?region=eu-west-1", "db/password")
	assert.Equal(t, map[string][]string{
		"secretsmanager:GetSecretValue": {
			"arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????",
			"arn:aws:secretsmanager:eu-west-1:*:secret:prod/db/password-??????",
		},
	}, iamOf(t, got.stdout))
	assert.Contains(t, got.stderr, "db/password may be a document of its own or a field of db")

	for search, want := range map[string]string{"exact": "prod/db/password", "parent": "prod/db"} {
		got := policyOf(t, "awssm://prod?region=cn-north-1&search="+search, "db/password")
		assert.Equal(t, []string{"arn:aws-cn:secretsmanager:cn-north-1:*:secret:" + want + "-??????"}, iamOf(t, got.stdout)["secretsmanager:GetSecretValue"])
		assert.NotContains(t, got.stderr, "may be a document of its own")
	}

	granted := iamOf(t, policyOf(t, "awssm://?role=arn:aws-us-gov:iam::123456789012:role/app&prefix=team-", "a", "b", "c").stdout)
	assert.Equal(t, []string{"*"}, granted["secretsmanager:BatchGetSecretValue"], "three are read in a batch")
	assert.Equal(t, "arn:aws-us-gov:secretsmanager:*:123456789012:secret:team-a-??????", granted["secretsmanager:GetSecretValue"][0])
	assert.NotContains(t, iamOf(t, policyOf(t, "awssm://?batch=false", "a", "b", "c").stdout), "secretsmanager:BatchGetSecretValue")
}

func TestTheLeastPolicyForParameterStore(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	assert.Equal(t, map[string][]string{
		"ssm:GetParameter": {"arn:aws:ssm:eu-west-1:*:parameter/prod/db"},
	}, iamOf(t, policyOf(t, "ssm:///prod", "db").stdout))
	granted := iamOf(t, policyOf(t, "ssm:///prod?tree=true", "a", "b").stdout)
	assert.Equal(t, []string{"arn:aws:ssm:eu-west-1:*:parameter/prod/a", "arn:aws:ssm:eu-west-1:*:parameter/prod/b"}, granted["ssm:GetParameters"])
	assert.Contains(t, granted["ssm:GetParametersByPath"], "arn:aws:ssm:eu-west-1:*:parameter/prod/a/*")
}

func TestTheLeastPolicyForVault(t *testing.T) {
	for _, c := range []struct{ url, name, want string }{
		{"vault://secret/prod?mount=secret&kv=2", "db#password", `path "secret/data/prod/db" { capabilities = ["read"] }` + "\n"},
		{"vault://secret/data/prod?mount=secret&kv=2", "db", `path "secret/data/prod/db" { capabilities = ["read"] }` + "\n"},
		{"vault://team/kv/prod?mount=team/kv&kv=1", "db", `path "team/kv/prod/db" { capabilities = ["read"] }` + "\n"},
		{"vault://secret/prod", "db", `path "secret/data/prod/db" { capabilities = ["read"] } # if secret is a mount of KV version 2; on version 1: "secret/prod/db"` + "\n"},
		{"vault://database/creds", "app", `path "database/creds/app" { capabilities = ["read"] }` + "\n"},
		{"vault://pki/issue", "web", `path "pki/issue/web" { capabilities = ["update"] }` + "\n"},
		{"vault://secret?namespace=team-a&mount=secret&kv=2", "db", "# at namespace team-a\n" + `path "secret/data/db" { capabilities = ["read"] }` + "\n"},
	} {
		assert.Equal(t, c.want, policyOf(t, c.url, c.name).stdout, c.url)
	}
}

func TestTheLeastBindingsForGoogle(t *testing.T) {
	const reader = " --role=roles/secretmanager.secretAccessor --member=\"$MEMBER\"\n"
	for _, c := range []struct{ url, name, want string }{
		{"gcp://my-project/prod", "db#password", "gcloud secrets add-iam-policy-binding prod-db --project=my-project" + reader},
		{"gcp://my-project?location=europe-west1&separator=_", "a/b#c", "gcloud secrets add-iam-policy-binding a_b --project=my-project --location=europe-west1" + reader},
	} {
		assert.Equal(t, c.want, policyOf(t, c.url, c.name).stdout, c.url)
	}
	assert.Contains(t, policyOf(t, "gcp://p?latest=enabled", "x").stdout, "roles/secretmanager.viewer")
}

func TestPoliciesFollowReferencesAndChains(t *testing.T) {
	settings := file(t, "secrets.yaml", `
providers: ["env://", "vault://secret?mount=secret&kv=2", "one://x"]
references:
  stripe: arn:aws:secretsmanager:eu-west-1:123456789012:secret:pay/stripe-AbCdEf
  key: sm://my-project/key#7
  legacy/: ssm:///legacy?region=eu-west-1
`)
	got := policyOf(t, "", "--config", settings, "--json")
	var all struct {
		AWS json.RawMessage
		GCP []gcpBinding
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &all))
	assert.Equal(t, map[string][]string{
		"secretsmanager:GetSecretValue": {"arn:aws:secretsmanager:eu-west-1:123456789012:secret:pay/stripe-AbCdEf"},
	}, iamOf(t, string(all.AWS)))
	assert.Equal(t, []gcpBinding{{Project: "my-project", Secret: "key", Role: "roles/secretmanager.secretAccessor"}}, all.GCP)

	got = policyOf(t, "", "--config", settings, "legacy/db#x", "stripe/key", "other")
	assert.Contains(t, got.stdout, "# AWS IAM policy\n")
	assert.Contains(t, got.stdout, "parameter/legacy/db\"")
	assert.Contains(t, got.stdout, "pay/stripe-AbCdEf\"")
	assert.Contains(t, got.stdout, "\n# Vault policy\npath \"secret/data/other\"")
	assert.Contains(t, got.stderr, "env:// needs no policy")
	assert.Contains(t, got.stderr, "No policy is known for one://")
}

func TestANameNeverWidensAPolicy(t *testing.T) {
	for _, url := range []string{"awssm://prod", "ssm:///prod", "vault://secret/prod", "gcp://my-project"} {
		got := policyOf(t, url, "a*#x", "${x}#y", "{{identity}}#z", `"#x`)
		assert.Empty(t, got.stdout, url)
		assert.Contains(t, got.stderr, `nothing is granted for it`)
	}
	assert.Empty(t, policyOf(t, "vault://secret/prod", "+#x").stdout, "a + is any segment to Vault")
	for _, url := range []string{"awssm://prod", "ssm:///prod", "gcp://my-project"} {
		assert.Empty(t, policyOf(t, url, "?#x").stdout, url)
	}
	assert.Equal(t, ExitInvalid, inProcess(t, "awssm://prod", "check", "--policy", "../x").code)
	assert.Equal(t, ExitUsage, inProcess(t, "awssm://prod", "check", "--policy").code)
}
