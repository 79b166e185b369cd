package secrets

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	ref, err := ParseRef("vault://secret/prod/db?namespace=team-a&version=3#password")
	require.NoError(t, err)
	assert.Equal(t, Ref{Scheme: "vault", Path: "secret/prod/db", Field: "password", Options: map[string]string{"namespace": "team-a", "version": "3"}}, ref)
	assert.Equal(t, "vault://secret/prod/db?namespace=team-a&version=3#password", ref.String())
}

// What is refused, and in which words, is tested in package grammar.
func TestAMalformedReferenceIsInvalid(t *testing.T) {
	t.Parallel()
	for in, says := range map[string]string{
		"db/password":             "secrets: parse reference: invalid: a reference reads scheme://path[?option=value][#field]; this one has no ://",
		"vault://a%2":             "secrets: parse reference: invalid: vault:// path: ends in an incomplete %XX escape (a plain % is written %25)",
		"vault://a?token=hunter2": "secrets: parse reference: invalid: vault:// option token is a credential, which no URI may hold; set it in the environment or a file",
	} {
		ref, err := ParseRef(in)
		require.ErrorIs(t, err, ErrInvalid, in)
		assert.EqualError(t, err, says)
		assert.Zero(t, ref, in)
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
