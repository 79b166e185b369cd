package secrets

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
