package grammar_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/grammar"
)

// known reports the schemes of this module's backends.
func known(scheme string) bool {
	return slices.Contains([]string{"awssm", "env", "envfile", "file", "gcp", "ssm", "vault"}, scheme)
}

type options = map[string]string

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in string
		want     grammar.Reference
	}{
		{"a path", "vault://secret/prod/db", grammar.Reference{Scheme: "vault", Path: "secret/prod/db"}},
		{"options and a field", "vault://secret/prod/db?namespace=team-a&version=3#password", grammar.Reference{Scheme: "vault", Path: "secret/prod/db", Field: "password", Options: options{"namespace": "team-a", "version": "3"}}},
		{"an absolute path", "ssm:///prod/db/password", grammar.Reference{Scheme: "ssm", Path: "/prod/db/password"}},
		{"no path", "env://", grammar.Reference{Scheme: "env"}},
		{"no path and an option", "env://?prefix=APP_", grammar.Reference{Scheme: "env", Options: options{"prefix": "APP_"}}},
		{"an empty query", "env://?", grammar.Reference{Scheme: "env"}},
		{"an option without a value", "env://?prefix=", grammar.Reference{Scheme: "env", Options: options{"prefix": ""}}},
		{"a scheme in capitals", "Vault://Secret", grammar.Reference{Scheme: "vault", Path: "Secret"}},
		{"a plus is a plus", "awssm://a+b?prefix=c+d#e+f", grammar.Reference{Scheme: "awssm", Path: "a+b", Field: "e+f", Options: options{"prefix": "c+d"}}},
		{"escapes in every part", "awssm://a%23b%3Fc%25?prefix=d%26e%3D#f%23", grammar.Reference{Scheme: "awssm", Path: "a#b?c%", Field: "f#", Options: options{"prefix": "d&e="}}},
		{"the field starts at the first #", "awssm://a#b#c?d", grammar.Reference{Scheme: "awssm", Path: "a", Field: "b#c?d"}},
		{"the options start at the first ?", "awssm://a?prefix=b?c=d", grammar.Reference{Scheme: "awssm", Path: "a", Options: options{"prefix": "b?c=d"}}},
		{"colons and exclamation marks", "awssm://rds!cluster-1:2", grammar.Reference{Scheme: "awssm", Path: "rds!cluster-1:2"}},
		{"a field with dots", "file:///run/secrets/db#tls.crt", grammar.Reference{Scheme: "file", Path: "/run/secrets/db", Field: "tls.crt"}},
		{"a JSON pointer", "awssm://db#/users/0/name", grammar.Reference{Scheme: "awssm", Path: "db", Field: "/users/0/name"}},
		{"an @ in a name", "awssm://team@prod/db", grammar.Reference{Scheme: "awssm", Path: "team@prod/db"}},
		{"what would be a credential, escaped", "awssm://a:b%40c/db", grammar.Reference{Scheme: "awssm", Path: "a:b@c/db"}},
		{"a URL in an option", "vault://secret?address=https://vault.example.com:8200", grammar.Reference{Scheme: "vault", Path: "secret", Options: options{"address": "https://vault.example.com:8200"}}},
		{"letters beyond ASCII", "file:///пароль#密码", grammar.Reference{Scheme: "file", Path: "/пароль", Field: "密码"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := grammar.Parse(test.in, known)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
			again, err := grammar.Parse(got.String(), known)
			require.NoError(t, err)
			assert.Equal(t, got, again, "what String gives reads as the same reference")
		})
	}
}

func TestParseRefuses(t *testing.T) {
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
			_, err := grammar.Parse(test.in, known)
			require.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestAReferenceHasABound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", grammar.MaxLength)
	_, err := grammar.Parse("vault://"+long, known)
	require.EqualError(t, err, "a reference has at most 4096 bytes, and this one has 4104")
	_, err = grammar.Parse("vault://a?version=1&ca_cert="+long, known)
	require.EqualError(t, err, "a reference has at most 4096 bytes, and this one has 4124, of which its option ca_cert has 4096")
}

func FuzzParse(f *testing.F) {
	const canary = "S3cr3t!Cnry" // the ! keeps it out of what errors may quote, schemes and option names
	for _, seed := range []string{
		"vault://secret/prod/db?namespace=team-a&version=3#password", "awssm://a%23b#c%25", "arn:aws:ssm:eu-west-1:123456789012:parameter/§",
		"gcp:secretmanager:§", "sm://p/s#7", "vault:§#key", ">>vault:§", "ref+awssecrets://a?b=§#/b?c=d+", "SM://P/s", "x ref+a://§", `"env://§"`,
		"vault://user:§@host/x", "vault://x?token=§", "vault://x?address=https://u:§@h", "§", "§://x", "x://§%", "a:%40@b://", "vault://hvs.§§§@a", "ssm://a:4#u@h",
	} {
		f.Add(strings.ReplaceAll(seed, "§", canary))
	}
	f.Fuzz(func(t *testing.T, in string) {
		text, found, err := grammar.Find(in, known)
		if err != nil {
			assert.NotContains(t, err.Error(), canary)
			assert.False(t, found)
		} else if found {
			assert.Contains(t, in, text)
		}
		ref, err := grammar.Parse(in, known)
		if err != nil {
			assert.NotContains(t, err.Error(), canary)
			assert.Zero(t, ref)
			return
		}
		if ref.Form == "vault:" {
			return // nothing of it has been decoded, which its backend does
		}
		again, err := grammar.Parse(ref.String(), known)
		require.NoError(t, err, "of %q, read from %q", ref, in)
		ref.Form = ""
		assert.Equal(t, ref, again, "read from %q", in)
	})
}
