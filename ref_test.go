package secrets

import (
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
