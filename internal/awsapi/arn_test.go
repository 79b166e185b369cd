package awsapi

import (
	"strings"
	"testing"

	"github.com/go-secrets/secrets"
	"github.com/stretchr/testify/assert"
)

func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf")
	f.Add("arn:aws-cn:secretsmanager::::")
	f.Fuzz(func(t *testing.T, s string) {
		arn, err := ParseARN(s, "secretsmanager")
		if err != nil {
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			return
		}
		assert.True(t, IsARN(s) && strings.HasSuffix(s, ":"+arn.Resource) && arn.Resource != "")
		assert.NotContains(t, arn.Region, ":")
	})
}
