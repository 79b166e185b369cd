package authaws

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/vault"
)

func TestTheOptionsOfAURIMakeALogin(t *testing.T) {
	for name, c := range map[string]struct {
		options vault.AuthOptions
		ok      bool
	}{
		"nothing: iam as the principal's role": {vault.AuthOptions{}, true},
		"iam with everything":                  {vault.AuthOptions{Type: "iam", Role: "app", Mount: "aws-prod", Region: "eu-west-1", Header: "vault.example.com"}, true},
		"ec2":                                  {vault.AuthOptions{Type: "ec2", Role: "app"}, true},
		"a region with ec2":                    {vault.AuthOptions{Type: "ec2", Region: "eu-west-1"}, false},
		"another type":                         {vault.AuthOptions{Type: "gce"}, false},
		"an account":                           {vault.AuthOptions{Account: "a@b"}, false},
	} {
		m, err := method(c.options)
		assert.Equal(t, c.ok, err == nil, name)
		if c.ok {
			require.NotNil(t, m, name)
		}
	}
}
