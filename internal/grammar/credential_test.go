package grammar_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/grammar"
)

func TestCredentialsInReferencesAreRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	const token = "hunter2hunter2hunter2hunter2"
	for what, in := range map[string]string{
		"a batch token of Vault":                        "vault://hvb." + token + "@host/secret",
		"a recovery token of Vault":                     "vault://hvr." + token + "@host/secret",
		"a service token of Vault":                      "vault://hvs." + token + "@host/secret",
		"a token of an old Vault":                       "vault://s." + token + "@host/secret",
		"a batch token of an old Vault":                 "vault://b." + token + "@host/secret",
		"anything before an @, in a mount of Vault":     "vault://hunter2@host/secret",
		"a token for another backend":                   "awssm://hvs." + token + "@host/x",
		"an old token for a backend of somebody else's": "mine://s." + token + "@host/x",
		"a token as the mount":                          "vault://hvs." + token + "/secret/db",
		"a token among the segments":                    "file:///run/hvb." + token,
		"a token, escaped":                              "vault://hvs%2E" + token + "/secret",
		"slashes before it":                             "vault:///user:hunter2@host/x",
		"more slashes before it":                        "gcp:////user:hunter2@host/x",
		"the colon escaped":                             "vault://user%3Ahunter2@host/x",
		"a slash in the password":                       "vault://user:hunter2/x@host/y",
		"a # in the password":                           "vault://user:pass#hunter2@host/y",
		"a user of one letter":                          "file://u:hunter2@host/run",
		"no user":                                       "ssm://:hunter2@x",
		"no password":                                   "file://hunter2:@x",
		"a file":                                        "file://user:hunter2@host/run",
		"a dotenv":                                      "envfile://user:hunter2@host/.env",
		"the environment":                               "env://user:hunter2@host",
		"another's scheme":                              "mine://user:hunter2@host",
		"an ARN that is none":                           "vault://arn:hunter2@host/x",
		"an ARN of two parts":                           "vault://arn:aws:hunter2@host/x",
		"a URL in the path":                             "mine://x/https://user:hunter2@host",
		"an address without a scheme":                   "vault://x?address=user:hunter2@host:8200",
		"an address with slashes alone":                 "vault://x?address=//user:hunter2@host",
		"an endpoint with a token":                      "awssm://x?endpoint=hvs." + token + "@host",
		"a proxy in an option of somebody else's":       "mine://x?proxy=http://user:hunter2@host",
		"a personal token":                              "mine://ghp_" + token + "@host/x",
		"a key of AWS":                                  "awssm://AKIA" + token + "@x",
		"vals":                                          "ref+vault://user:hunter2@host/x#/k",
		"vals, with a token":                            "secretref+vault://hvb." + token + "@host/x#/k",
		"bank-vaults":                                   "vault:user:hunter2@host/secret#k",
		"bank-vaults, with a token":                     "vault:hvs." + token + "@host/secret#k",
		"bank-vaults, with a token as the mount":        "vault:hvs." + token + "/secret#k",
		"secrets-init":                                  "gcp:secretmanager:user:hunter2@projects/p/secrets/s",
		"berglas":                                       "sm://user:hunter2@p/s",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			_, err := grammar.Parse(in, known)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestWhatOnlyResemblesACredentialIsFine(t *testing.T) {
	t.Parallel()
	for in, path := range map[string]string{
		"awssm://team@prod/db":               "team@prod/db",
		"awssm://prod/user:name@x":           "prod/user:name@x",
		"ssm:///prod/a@b":                    "/prod/a@b",
		"file:///C:/Users/a@b/secret":        "/C:/Users/a@b/secret",
		"vault://secret/user@example.com/x":  "secret/user@example.com/x",
		"vault://team%40x/db":                "team@x/db",
		"awssm://rds!cluster-1:2":            "rds!cluster-1:2",
		"ssm://db:4#user@x":                  "db:4",
		"vault://secret/hvs.short":           "secret/hvs.short",
		"mine://s.x@y":                       "s.x@y",
		"awssm://db?external_id=a-b@c":       "db",
		"awssm://db?role=arn:aws:iam::1:r/a": "db",
		"vault://db?alt_names=a@b.c":         "db",
	} {
		ref, err := grammar.Parse(in, known)
		require.NoError(t, err, in)
		assert.Equal(t, path, ref.Path, in)
		again, err := grammar.Parse(ref.String(), known)
		require.NoError(t, err, in)
		assert.Equal(t, ref, again, "what String gives reads as the same reference")
	}
}
