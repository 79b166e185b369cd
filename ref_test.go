package secrets

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		ref, err := ParseRef(in)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			assert.Less(t, len(err.Error()), 1000, "an error is bounded")
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error of %q quotes it", in)
			}
			return
		}
		require.True(t, validScheme(ref.Scheme))
		for _, part := range []string{ref.Path, ref.Field} {
			require.NotContains(t, part, "\x00")
		}
		again, err := ParseRef(ref.String())
		require.NoError(t, err, "of %q, read from %q", ref, in)
		if ref.Scheme != again.Scheme || ref.Join() != again.Join() || ref.Field != again.Field || !maps.Equal(ref.Options, again.Options) {
			t.Errorf("%q reads as %#v, which prints as %q, which reads as %#v", in, ref, ref, again)
		}
		_ = looksLikeReference(in)
	})
}
