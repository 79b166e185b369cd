package grammar_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/grammar"
)

func TestWhatLooksLikeAReference(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"vault://secret/db":                true,
		"ref+env://":                       true,
		"env://":                           false, // file://migrations is common, and so these schemes alone are text
		"awssm://x?y":                      true,  // malformed, and meant as one
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
		text, found, err := grammar.Find(in, known)
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, found, "%q", in)
		if found {
			assert.Equal(t, in, text)
		}
	}
}
