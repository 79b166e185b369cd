package all_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

type options = map[string]string

func TestForeignReferencesAreTranslated(t *testing.T) {
	t.Parallel()
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	const parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db/password"
	for _, test := range []struct {
		name, in string
		want     secrets.Ref
	}{
		// ARNs
		{"the ARN of a secret", secret, secrets.Ref{Scheme: "awssm", Path: secret, Options: options{"region": "eu-west-1"}}},
		{"an ARN in China", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x", secrets.Ref{Scheme: "awssm", Path: "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x", Options: options{"region": "cn-north-1"}}},
		{"an ARN in GovCloud", "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/x", secrets.Ref{Scheme: "ssm", Path: "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/x", Options: options{"region": "us-gov-west-1"}}},
		{"an ARN in an isolated partition", "arn:aws-iso-b:secretsmanager:us-isob-east-1:123456789012:secret:x", secrets.Ref{Scheme: "awssm", Path: "arn:aws-iso-b:secretsmanager:us-isob-east-1:123456789012:secret:x", Options: options{"region": "us-isob-east-1"}}},
		{"the ARN of a secret that RDS manages", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-1a2b:password::", secrets.Ref{Scheme: "awssm", Path: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-1a2b", Field: "password", Options: options{"region": "eu-west-1"}}},
		{"the ECS suffix in full", secret + ":password:AWSPREVIOUS:9d4cb84b-ad69-40c0-a0ab-cead36b967e8", secrets.Ref{Scheme: "awssm", Path: secret, Field: "password", Options: options{"region": "eu-west-1", "stage": "AWSPREVIOUS", "version": "9d4cb84b-ad69-40c0-a0ab-cead36b967e8"}}},
		{"the ECS suffix with a key alone", secret + ":password::", secrets.Ref{Scheme: "awssm", Path: secret, Field: "password", Options: options{"region": "eu-west-1"}}},
		{"the ECS suffix cut short", secret + ":password", secrets.Ref{Scheme: "awssm", Path: secret, Field: "password", Options: options{"region": "eu-west-1"}}},
		{"the ECS suffix with a stage alone", secret + "::AWSPENDING:", secrets.Ref{Scheme: "awssm", Path: secret, Options: options{"region": "eu-west-1", "stage": "AWSPENDING"}}},
		{"the ECS suffix with a version alone", secret + ":::v1", secrets.Ref{Scheme: "awssm", Path: secret, Options: options{"region": "eu-west-1", "version": "v1"}}},
		{"an ECS suffix of nothing", secret + ":::", secrets.Ref{Scheme: "awssm", Path: secret, Options: options{"region": "eu-west-1"}}},
		{"an ARN with our own field and options", secret + "?stage=AWSPREVIOUS#a.b", secrets.Ref{Scheme: "awssm", Path: secret, Field: "a.b", Options: options{"region": "eu-west-1", "stage": "AWSPREVIOUS"}}},
		{"an ARN under its scheme", "awssm://" + secret + ":password::", secrets.Ref{Scheme: "awssm", Path: secret, Field: "password", Options: options{"region": "eu-west-1"}}},
		{"an ARN under its scheme in capitals", "AWSSM://" + secret, secrets.Ref{Scheme: "awssm", Path: secret, Options: options{"region": "eu-west-1"}}},
		{"the ARN of a parameter", parameter, secrets.Ref{Scheme: "ssm", Path: parameter, Options: options{"region": "eu-west-1"}}},
		{"the ARN of a parameter without folders", "arn:aws:ssm:eu-west-1:123456789012:parameter/x:3", secrets.Ref{Scheme: "ssm", Path: "arn:aws:ssm:eu-west-1:123456789012:parameter/x", Options: options{"region": "eu-west-1", "version": "3"}}},
		{"the version of a parameter", parameter + ":12", secrets.Ref{Scheme: "ssm", Path: parameter, Options: options{"region": "eu-west-1", "version": "12"}}},
		{"the label of a parameter", parameter + ":live", secrets.Ref{Scheme: "ssm", Path: parameter, Options: options{"region": "eu-west-1", "label": "live"}}},
		{"the ARN of a parameter under its scheme", "ssm://" + parameter + ":12#key", secrets.Ref{Scheme: "ssm", Path: parameter, Field: "key", Options: options{"region": "eu-west-1", "version": "12"}}},

		// secrets-init
		{"a Google secret", "gcp:secretmanager:projects/my-project/secrets/db", secrets.Ref{Scheme: "gcp", Path: "my-project/db"}},
		{"a version of a Google secret", "gcp:secretmanager:projects/my-project/secrets/db/versions/7", secrets.Ref{Scheme: "gcp", Path: "my-project/db", Options: options{"version": "7"}}},
		{"the latest version of a Google secret", "gcp:secretmanager:projects/my-project/secrets/db/versions/latest", secrets.Ref{Scheme: "gcp", Path: "my-project/db", Options: options{"version": "latest"}}},
		{"a regional Google secret", "gcp:secretmanager:projects/my-project/locations/europe-west1/secrets/db/versions/7", secrets.Ref{Scheme: "gcp", Path: "my-project/db", Options: options{"version": "7", "location": "europe-west1"}}},
		{"a project of a domain", "gcp:secretmanager:projects/example.com:p/secrets/db", secrets.Ref{Scheme: "gcp", Path: "example.com:p/db"}},
		{"a project's number", "gcp:secretmanager:projects/1234567/secrets/db", secrets.Ref{Scheme: "gcp", Path: "1234567/db"}},
		{"a field of a Google secret", "gcp:secretmanager:projects/p/secrets/db#password", secrets.Ref{Scheme: "gcp", Path: "p/db", Field: "password"}},

		// berglas
		{"a berglas reference", "sm://my-project/db", secrets.Ref{Scheme: "gcp", Path: "my-project/db"}},
		{"a berglas reference to a version", "sm://my-project/db#7", secrets.Ref{Scheme: "gcp", Path: "my-project/db", Options: options{"version": "7"}}},

		// bank-vaults
		{"a bank-vaults reference", "vault:secret/data/prod/db#password", secrets.Ref{Scheme: "vault", Path: "secret/data/prod/db", Field: "password"}},
		{"a bank-vaults reference to a version", "vault:secret/data/prod/db#password#3", secrets.Ref{Scheme: "vault", Path: "secret/data/prod/db", Field: "password", Options: options{"version": "3"}}},
		{"a bank-vaults reference, in which nothing is escaped", "vault:secret/data/a%41?b#c.d%20", secrets.Ref{Scheme: "vault", Path: "secret/data/a%41?b", Field: "c.d%20"}},

		// vals and helmfile
		{"vals: Secrets Manager", "ref+awssecrets://prod/db?region=eu-west-1&role_arn=arn:aws:iam::123456789012:role/r&version_id=v1&version_stage=AWSPREVIOUS#/password", secrets.Ref{Scheme: "awssm", Path: "prod/db", Field: "/password", Options: options{"region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/r", "version": "v1", "stage": "AWSPREVIOUS"}}},
		{"vals: Secrets Manager by ARN", "ref+awssecrets://" + secret + "?version_stage=AWSPREVIOUS#/password", secrets.Ref{Scheme: "awssm", Path: secret, Field: "/password", Options: options{"region": "eu-west-1", "stage": "AWSPREVIOUS"}}},
		{"vals: options after the field", "ref+awssecrets://prod/db#/a/b?region=eu-west-1", secrets.Ref{Scheme: "awssm", Path: "prod/db", Field: "/a/b", Options: options{"region": "eu-west-1"}}},
		{"vals: options before and after the field", "ref+awssecrets://prod/db?version_id=v#/a/b?region=eu-west-1", secrets.Ref{Scheme: "awssm", Path: "prod/db", Field: "/a/b", Options: options{"version": "v", "region": "eu-west-1"}}},
		{"vals: a field without its first slash", "ref+awssecrets://prod/db#a/b", secrets.Ref{Scheme: "awssm", Path: "prod/db", Field: "/a/b"}},
		{"vals: an empty field is none", "ref+awssecrets://prod/db#/", secrets.Ref{Scheme: "awssm", Path: "prod/db"}},
		{"vals: the plus at the end", "secretref+awssecrets://prod/db#/a+", secrets.Ref{Scheme: "awssm", Path: "prod/db", Field: "/a"}},
		{"vals: a parameter", "ref+awsssm://prod/db/password?version=3", secrets.Ref{Scheme: "ssm", Path: "/prod/db/password", Options: options{"version": "3"}}},
		{"vals: a parameter below a path", "ref+awsssm://prod/db?region=eu-west-1&recursive=true#/app/password", secrets.Ref{Scheme: "ssm", Path: "/prod/db/app/password", Options: options{"region": "eu-west-1"}}},
		{"vals: a field of a parameter", "ref+awsssm://prod/db?mode=singleparam#/password", secrets.Ref{Scheme: "ssm", Path: "/prod/db", Field: "/password"}},
		{"vals: Google", "ref+gcpsecrets://my-project/db?version=7&trim_nl=true#/password", secrets.Ref{Scheme: "gcp", Path: "my-project/db", Field: "/password", Options: options{"version": "7", "trim": "newline"}}},
		{"vals: Google, untrimmed", "ref+gcpsecrets://my-project/db?trim_nl=false", secrets.Ref{Scheme: "gcp", Path: "my-project/db"}},
		{"vals: Vault", "ref+vault://secret/prod/db?namespace=team-a&version=3#/password", secrets.Ref{Scheme: "vault", Path: "secret/prod/db", Field: "/password", Options: options{"namespace": "team-a", "version": "3"}}},
		{"vals: a file", "secretref+file:///run/secrets/db", secrets.Ref{Scheme: "file", Path: "/run/secrets/db"}},
		{"vals: our own scheme", "secretref+ssm:///prod/db#a.b", secrets.Ref{Scheme: "ssm", Path: "/prod/db", Field: "a.b"}},
		{"vals: our own scheme with an ARN", "secretref+awssm://" + secret, secrets.Ref{Scheme: "awssm", Path: secret, Options: options{"region": "eu-west-1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := secrets.ParseRef(test.in)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
			_, found, err := secrets.ParseValue(test.in)
			require.NoError(t, err)
			assert.True(t, found, "it is one in a value, too")

			again, err := secrets.ParseRef(got.String())
			require.NoError(t, err)
			assert.Equal(t, got, again, "what String gives reads as the same reference")
		})
	}
}

func TestForeignReferencesThatAreRefused(t *testing.T) {
	t.Parallel()
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	const parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter"
	for _, test := range []struct{ name, in, says string }{
		{"an ARN cut short", "arn:aws:secretsmanager:eu-west-1", "arn:partition:secretsmanager:region:account:resource"},
		{"the ARN of a role", "arn:aws:iam::123456789012:role/r", "secretsmanager or ssm"},
		{"a partition that is none", "arn:gcp:secretsmanager:eu-west-1:123456789012:secret:x", "partition"},
		{"no region", "arn:aws:secretsmanager::123456789012:secret:x", "region"},
		{"no account", "arn:aws:secretsmanager:eu-west-1::secret:x", "twelve digits"},
		{"no name", secret, "secret:name"},
		{"what is no secret", "arn:aws:secretsmanager:eu-west-1:123456789012:thing:x", "secret:name"},
		{"a suffix too long", secret + "x:key:stage:version:more", "more than"},
		{"a key and a field", secret + "x:key::#field", "#field, too"},
		{"two stages", secret + "x::AWSPREVIOUS:?stage=AWSPENDING", "stage twice"},
		{"another region than the ARN's", secret + "x?region=eu-west-2", "region twice"},
		{"a parameter's ARN under awssm", "awssm://" + parameter + "/x", "another service than secretsmanager"},
		{"a parameter without a name", parameter + "/", "parameter/name"},
		{"a document of SSM", "arn:aws:ssm:eu-west-1:123456789012:document/x", "parameter/name"},
		{"an empty selector", parameter + "/x:", "or none"},
		{"two selectors", parameter + "/x:1:2", "or none"},
		{"a selector in a folder", parameter + "/x:1/y", "or none"},
		{"a Google secret without a project", "gcp:secretmanager:secrets/db", "projects/P"},
		{"a Google secret in another order", "gcp:secretmanager:secrets/db/projects/p", "projects/P"},
		{"a Google secret with an empty part", "gcp:secretmanager:projects//secrets/db", "projects/P"},
		{"a Google secret with more in it", "gcp:secretmanager:projects/p/secrets/db/replicas/1", "projects/P"},
		{"a Google secret twice", "gcp:secretmanager:projects/p/secrets/db/secrets/db", "projects/P"},
		{"a Google version without a number", "gcp:secretmanager:projects/p/secrets/db/versions", "projects/P"},
		{"a berglas reference without a secret", "sm://project", "sm://project/secret"},
		{"a berglas reference with folders", "sm://project/a/b", "sm://project/secret"},
		{"a berglas reference that writes a file", "sm://project/a?destination=tempfile", "writes a file"},
		{"bank-vaults without a key", "vault:secret/data/db", "vault:path#key"},
		{"bank-vaults with an empty key", "vault:secret/data/db#", "vault:path#key"},
		{"bank-vaults with a template", "vault:secret/data/db#postgres://${.user}:${.password}@host", "template"},
		{"bank-vaults that writes", ">>vault:pki/issue/role#certificate", "only read"},
		{"bank-vaults with a version that is no number", "vault:secret/data/db#key#latest", "no number"},
		{"bank-vaults with a URL", "vault:http://user:pass@host/v1/secret#key", "neither a URL"},
		{"vals without a scheme", "ref+awssecrets:prod/db", "ref+scheme://"},
		{"vals: a scheme of another service", "ref+sops://file#/key", "sops:// is a scheme that no backend"},
		{"vals: two references", "ref+vault://a#/b+ref+vault://c#/d", "text around references"},
		{"vals: a text after the reference", "ref+vault://a#/b+/suffix", "text around references"},
		{"vals: a text after a space", "ref+vault://a#/b and more", "text around references"},
		{"vals: a role twice", "ref+awssecrets://a?role=x&role_arn=y", "role twice"},
		{"vals: a mode that we don't know", "ref+awsssm://a?mode=other#/b", "singleparam"},
		{"vals: an ARN with parameters below it", "ref+awsssm://" + parameter + "/a#/b", "singleparam"},
		{"vals: trim_nl that is neither", "ref+gcpsecrets://p/s?trim_nl=maybe", "true or false"},
		{"vals: a credential", "ref+vault://a?secret_id=x#/b", "is a credential"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := secrets.ParseRef(test.in)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Contains(t, err.Error(), test.says)
		})
	}
}

func TestErrorsOfForeignReferencesQuoteNoPartOfThem(t *testing.T) {
	t.Parallel()
	const canary = "S3cr3t!Canary"
	for _, in := range []string{
		"arn:" + canary,
		"arn:aws:" + canary + ":eu-west-1:123456789012:secret:x",
		"arn:" + canary + ":secretsmanager:eu-west-1:123456789012:secret:x",
		"arn:aws:secretsmanager:" + canary + ":123456789012:secret:x",
		"arn:aws:secretsmanager:eu-west-1:" + canary + ":secret:x",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x:k:s:v:" + canary,
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x?region=" + canary,
		"arn:aws:ssm:eu-west-1:123456789012:parameter/x:1:" + canary,
		"gcp:secretmanager:projects/" + canary + "/secrets/x/",
		"gcp:secretmanager:user:" + canary + "@projects/p/secrets/x",
		"sm://" + canary,
		"sm://user:" + canary + "@p/s",
		"sm://p/s?destination=" + canary,
		"vault:" + canary,
		"vault:http://user:" + canary + "@host/x#key",
		"vault:a#b#" + canary,
		"vault:a#${" + canary + "}",
		">>vault:" + canary,
		"ref+" + canary,
		"ref+" + canary + "://x",
		"ref+vault://user:" + canary + "@host/x",
		"ref+vault://x?token=" + canary,
		"ref+vault://x?address=https://user:" + canary + "@host#/k",
		"ref+vault://x#/k?password=" + canary,
		"ref+awsssm://x?mode=" + canary + "#/k",
		"ref+gcpsecrets://p/s?trim_nl=" + canary,
		"ref+awssecrets://x?role=a&role_arn=" + canary,
		"ref+vault://x+" + canary,
		"vault://" + canary + "@host/x",
		"ref+vault://hvb." + canary + canary + canary + "@host/x",
		"vault:hvs." + canary + canary + canary + "@host/x#k",
		"vault:hvs." + canary + canary + canary + "/x#k",
		"vault:user:" + canary + "@host/x#k",
		"gcp:secretmanager:s." + canary + canary + "@projects/p/secrets/x",
		"sm://hvr." + canary + canary + "@p/s",
		"ref+awssecrets://u:" + canary + "@x",
		"ref+awssecrets://x?endpoint=u:" + canary + "@h#/k",
		"secretref+file://u:" + canary + "@h/x",
	} {
		_, err := secrets.ParseRef(in)
		require.ErrorIs(t, err, secrets.ErrInvalid, in)
		assert.NotContains(t, err.Error(), canary, "of %s", strings.ReplaceAll(in, canary, "…"))
	}
}

func TestParseValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"awssm://prod/db#password":                       "awssm://prod/db#password",
		"vault:secret/data/x#key":                        "vault://secret/data/x#key",
		"sm://p/s":                                       "gcp://p/s",
		"ref+vault://secret/x#/key":                      "vault://secret/x#/key",
		"secretref+file:///run/secrets/db":               "file:///run/secrets/db",
		"gcp:secretmanager:projects/p/secrets/s":         "gcp://p/s",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/a": "ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/a?region=eu-west-1",
		"file://migrations":                              "",
		"env://X":                                        "",
		"envfile://.env":                                 "",
		"":                                               "",
		"hunter2":                                        "",
		"https://example.com/a#b":                        "",
		"postgres://u:p@h/db":                            "",
		"vault:8200":                                     "",
		"arn:aws:iam::123456789012:role/x":               "",
		"a text that talks of ref+erences":               "",
	} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, value)
		assert.Equal(t, want != "", found, value)
		if found {
			assert.Equal(t, want, ref.String())
		}
	}
	for _, value := range []string{
		"postgres://u:ref+vault://x#/p+@h", "x secretref+awssm://db", "ref+nope://x", "awssm://a?region", "ref+vault://x#/p+@h",
	} {
		_, found, err := secrets.ParseValue(value)
		require.ErrorIs(t, err, secrets.ErrInvalid, value)
		assert.False(t, found)
	}
}

func FuzzParseRef(f *testing.F) {
	const canary = "S3cr3t!Cnry" // the ! keeps it out of what errors may quote, schemes and option names
	for _, seed := range []string{
		"vault://secret/prod/db?namespace=team-a&version=3#password", "ssm:///prod/db:3", "env://?prefix=APP_", "awssm://a%23b#c%25",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf:password:AWSPREVIOUS:v1",
		"arn:aws-cn:ssm:cn-north-1:123456789012:parameter/a/b:3", "awssm://arn:aws:secretsmanager:eu-west-1:123456789012:secret:x",
		"gcp:secretmanager:projects/p/locations/l/secrets/s/versions/7", "sm://p/s#7", "vault:secret/data/x#key#2", ">>vault:x#y",
		"ref+awssecrets://a?role_arn=x#/b?region=r+", "secretref+awsssm://a?mode=singleparam#/b", "ref+gcpsecrets://p/s?trim_nl=true",
		"SM://P/s", "REF+VAULT://x#/y", "vault://user:§@host/x", "vault://x?token=§", "vault://x?address=https://u:§@h", "§", "§://x", "x://§%", "a:%40@b://",
	} {
		f.Add(strings.ReplaceAll(seed, "§", canary))
	}
	f.Fuzz(func(t *testing.T, in string) {
		ref, err := secrets.ParseRef(in)
		if err != nil {
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Less(t, len(err.Error()), 1000, "an error is bounded")
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error of %q quotes it", in)
			}
			return
		}
		require.Regexp(t, `^[a-z][a-z0-9+.-]*$`, ref.Scheme)
		for _, part := range []string{ref.Path, ref.Field} {
			require.NotContains(t, part, "\x00")
		}
		again, err := secrets.ParseRef(ref.String())
		require.NoError(t, err, "of %q, read from %q", ref, in)
		if ref.Scheme != again.Scheme || ref.Join() != again.Join() || ref.Field != again.Field || !maps.Equal(ref.Options, again.Options) {
			t.Errorf("%q reads as %#v, which prints as %q, which reads as %#v", in, ref, ref, again)
		}
		_, _, _ = secrets.ParseValue(in)
	})
}
