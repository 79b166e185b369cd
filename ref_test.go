package secrets

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type options = map[string]string

func TestParseRef(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in string
		want     Ref
	}{
		{"a path", "vault://secret/prod/db", Ref{Scheme: "vault", Path: "secret/prod/db"}},
		{"options and a field", "vault://secret/prod/db?namespace=team-a&version=3#password", Ref{Scheme: "vault", Path: "secret/prod/db", Field: "password", Options: options{"namespace": "team-a", "version": "3"}}},
		{"an absolute path", "ssm:///prod/db/password", Ref{Scheme: "ssm", Path: "/prod/db/password"}},
		{"no path", "env://", Ref{Scheme: "env"}},
		{"no path and an option", "env://?prefix=APP_", Ref{Scheme: "env", Options: options{"prefix": "APP_"}}},
		{"an empty query", "env://?", Ref{Scheme: "env"}},
		{"an option without a value", "env://?prefix=", Ref{Scheme: "env", Options: options{"prefix": ""}}},
		{"a scheme in capitals", "Vault://Secret", Ref{Scheme: "vault", Path: "Secret"}},
		{"a plus is a plus", "awssm://a+b?prefix=c+d#e+f", Ref{Scheme: "awssm", Path: "a+b", Field: "e+f", Options: options{"prefix": "c+d"}}},
		{"escapes in every part", "awssm://a%23b%3Fc%25?prefix=d%26e%3D#f%23", Ref{Scheme: "awssm", Path: "a#b?c%", Field: "f#", Options: options{"prefix": "d&e="}}},
		{"the field starts at the first #", "awssm://a#b#c?d", Ref{Scheme: "awssm", Path: "a", Field: "b#c?d"}},
		{"the options start at the first ?", "awssm://a?prefix=b?c=d", Ref{Scheme: "awssm", Path: "a", Options: options{"prefix": "b?c=d"}}},
		{"colons and exclamation marks", "awssm://rds!cluster-1:2", Ref{Scheme: "awssm", Path: "rds!cluster-1:2"}},
		{"a field with dots", "file:///run/secrets/db#tls.crt", Ref{Scheme: "file", Path: "/run/secrets/db", Field: "tls.crt"}},
		{"a JSON pointer", "awssm://db#/users/0/name", Ref{Scheme: "awssm", Path: "db", Field: "/users/0/name"}},
		{"an @ in a name", "awssm://team@prod/db", Ref{Scheme: "awssm", Path: "team@prod/db"}},
		{"what would be a credential, escaped", "awssm://a:b%40c/db", Ref{Scheme: "awssm", Path: "a:b@c/db"}},
		{"a URL in an option", "vault://secret?address=https://vault.example.com:8200", Ref{Scheme: "vault", Path: "secret", Options: options{"address": "https://vault.example.com:8200"}}},
		{"letters beyond ASCII", "file:///пароль#密码", Ref{Scheme: "file", Path: "/пароль", Field: "密码"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseRef(test.in)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
			again, err := ParseRef(got.String())
			require.NoError(t, err)
			assert.Equal(t, got, again, "what String gives reads as the same reference")
		})
	}
}

func TestParseRefRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, in, says string }{
		{"a name", "db/password", "no ://"},
		{"nothing", "", "no ://"},
		{"no scheme", "://x", "no scheme"},
		{"a scheme that starts with a digit", "1x://y", "no scheme"},
		{"a scheme with a space", "a b://y", "no scheme"},
		{"an empty field", "vault://a#", "no field after"},
		{"an option without =", "vault://a?version", "option 1 does not read"},
		{"an empty option", "vault://a?version=1&", "option 2 does not read"},
		{"an option twice", "vault://a?version=1&version=1", "version is given twice"},
		{"an incomplete escape in the path", "vault://a%2", "incomplete"},
		{"a plain percent sign in the path", "vault://100%xy", "hex digits"},
		{"a plain percent sign in the field", "vault://a#%zz", "hex digits"},
		{"a plain percent sign in an option", "vault://a?version=%", "incomplete"},
		{"a NUL byte", "vault://a\x00b", "NUL"},
		{"an escaped NUL byte", "vault://a%00b", "NUL"},
		{"an escaped NUL byte in the field", "vault://a#%00", "NUL"},
		{"an escaped NUL byte in an option", "vault://a?version=%00", "NUL"},
		{"a user and a password", "vault://user:hunter2@host/secret", "user:password@"},
		{"a token before the host", "vault://:hunter2@host/secret", "user:password@"},
		{"a token of Vault before the host", "vault://hvs.hunter2@secret/db", "user:password@"},
		{"a user and a password in a URL in the path", "vault://https://user:hunter2@host/secret", "user:password@"},
		{"a user and a password in an option", "vault://a?address=https://user:hunter2@host", "user:password@"},
		{"the same, escaped", "vault://a?address=https:%2F%2Fuser:hunter2%40host", "user:password@"},
		{"a token as an option", "vault://a?token=hunter2", "token is a credential"},
		{"a password as an option", "vault://a?password=hunter2", "password is a credential"},
		{"a secret id as an option, with a dash", "vault://a?secret-id=hunter2", "secret-id is a credential"},
		{"a token in capitals", "vault://a?TOKEN=hunter2", "TOKEN is a credential"},
		{"an access key", "awssm://a?secretAccessKey=hunter2", "is a credential"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseRef(test.in)
			require.ErrorIs(t, err, ErrInvalid)
			assert.Contains(t, err.Error(), test.says)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestRefJoinPutsOneSlashBetween(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, path, want string }{
		{"", "a/b", "a/b"},
		{"", "/a", "/a"},
		{"base", "", "base"},
		{"base", "a", "base/a"},
		{"base/", "a", "base/a"},
		{"base", "/a", "base/a"},
		{"/base/", "/a", "/base/a"},
		{"/", "a", "/a"},
	} {
		assert.Equal(t, test.want, Ref{Base: test.base, Path: test.path}.Join(), "%q and %q", test.base, test.path)
	}
}

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
			_, err := ParseRef(in)
			require.ErrorIs(t, err, ErrInvalid)
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
		ref, err := ParseRef(in)
		require.NoError(t, err, in)
		assert.Equal(t, path, ref.Path, in)
		again, err := ParseRef(ref.String())
		require.NoError(t, err, in)
		assert.Equal(t, ref, again, "what String gives reads as the same reference")
	}
}

// What the backends read of foreign forms is tested in package all, which links
// them.

func TestAForeignReferenceNeedsItsBackend(t *testing.T) {
	t.Parallel()
	for in, pkg := range map[string]string{
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x": "/awssm",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/x":         "/ssm",
		"gcp:secretmanager:projects/p/secrets/s":                 "/gcp",
		"sm://p/s":                                               "/gcp",
		"vault:secret/data/x#key":                                "/vault",
		"ref+awssecrets://x":                                     "/awssm",
	} {
		_, err := ParseRef(in)
		require.ErrorIs(t, err, ErrInvalid, in)
		assert.ErrorContains(t, err, `add: import _ "`+modulePath+pkg+`"`, "of %s", in)
	}
}

// translated counts the schemes of the test below, which may run several times.
var translated atomic.Int32

func TestABackendTranslatesItsReferences(t *testing.T) {
	t.Parallel()
	scheme := fmt.Sprintf("translated%d", translated.Add(1))
	Register(scheme, Backend{
		Open: func(context.Context, Ref) (Provider, error) { return nil, nil },
		Translate: func(form string, ref *Ref) error {
			if ref.Path == "wrong" {
				return invalid("of form %q", form)
			}
			ref.Path, ref.Options = "right", map[string]string{}
			return nil
		},
	})
	ref, err := ParseRef(scheme + "://x?a=b")
	require.NoError(t, err)
	assert.Equal(t, Ref{Scheme: scheme, Path: "right"}, ref)
	_, err = ParseRef("ref+" + scheme + "://wrong")
	require.ErrorIs(t, err, ErrInvalid)
	assert.ErrorContains(t, err, `of form "ref+"`)
}

func TestWhatLooksLikeAReference(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"vault://secret/db":                true,
		"env://":                           true,
		"awssm://x?y":                      true, // malformed, and meant as one
		"vault:secret/data/db#key":         true,
		"ref+sops://x":                     true, // unsupported, and meant as one
		"":                                 false,
		"plain text":                       false,
		"postgres://user@host/db":          false,
		"https://example.com/#x":           false,
		"vault:8200":                       false, // a host and a port
		"vault:1.21":                       false, // an image and its tag
		"arn:aws:iam::123456789012:role/r": false,
		"arn:aws:ssm:eu-west-1:123456789012:document/x":    false,
		"arn:aws:sqs:eu-west-1:123456789012:secret:x":      false,
		"x arn:aws:ssm:eu-west-1:123456789012:parameter/x": false,
		"ref+1": false,
	} {
		assert.Equal(t, want, looksLikeReference(in), "%q", in)
	}
}
