package grammar_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/grammar"
)

// What each backend makes of its forms is tested in package all.

func TestAForeignFormIsTakenApart(t *testing.T) {
	t.Parallel()
	const secret, parameter = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf", "arn:aws:ssm:eu-west-1:123456789012:parameter/x"
	for in, want := range map[string]grammar.Reference{
		secret + ":key::":                        {Form: "arn:", Scheme: "awssm", Path: secret + ":key::"},
		parameter + "#f":                         {Form: "arn:", Scheme: "ssm", Path: parameter, Field: "f"},
		"gcp:secretmanager:projects/p/secrets/s": {Form: "gcp:secretmanager:", Scheme: "gcp", Path: "projects/p/secrets/s"},
		"sm://p/s#7":                             {Form: "sm://", Scheme: "gcp", Path: "p/s", Field: "7"},
		"SM://P/s":                               {Form: "sm://", Scheme: "gcp", Path: "P/s"},
		"vault:a/b?c#d%2#1":                      {Form: "vault:", Scheme: "vault", Path: "a/b?c#d%2#1"}, // nothing is decoded
		"ref+awssecrets://a#b/c":                 {Form: "ref+awssecrets", Scheme: "awssm", Path: "a", Field: "/b/c"},
		"ref+awsssm://a+":                        {Form: "ref+awsssm", Scheme: "ssm", Path: "a"},
		"secretref+gcpsecrets://p/s?version=1":   {Form: "ref+gcpsecrets", Scheme: "gcp", Path: "p/s", Options: options{"version": "1"}},
		"Ref+Vault://a?b=c#/d?e=f":               {Form: "ref+", Scheme: "vault", Path: "a", Field: "/d", Options: options{"b": "c", "e": "f"}},
		"ref+vault://a#d/e?b=c":                  {Form: "ref+", Scheme: "vault", Path: "a", Field: "d/e", Options: options{"b": "c"}},
		"ref+vault://a#/":                        {Form: "ref+", Scheme: "vault", Path: "a"},
	} {
		got, err := grammar.Parse(in, known)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
}

func TestAForeignFormIsRefused(t *testing.T) {
	t.Parallel()
	for in, says := range map[string]string{
		"arn:aws:iam::123456789012:role/r": "secretsmanager or ssm",
		"arn:aws":                          "secretsmanager or ssm",
		">>vault:a#b":                      "references only read",
		"ref+a":                            "ref+scheme://",
		"ref+ref+vault://a":                "ref+scheme://",
		"ref+sops://a":                     "ref+sops:// is a scheme that no backend",
		"ref+vault://a+b":                  "not a reference (write %2B and %20",
		"ref+vault://a b":                  "not a reference (write %2B and %20",
		"/run/secrets":                     "(a directory is file:///run/secrets)",
	} {
		_, err := grammar.Parse(in, known)
		assert.ErrorContains(t, err, says, in)
	}
}
