package authgcp

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
		"gce":                    {vault.AuthOptions{Role: "app"}, true},
		"iam":                    {vault.AuthOptions{Role: "app", Type: "iam", Account: "app@project.iam.gserviceaccount.com", Mount: "gcp-prod"}, true},
		"no role":                {vault.AuthOptions{}, false},
		"iam without an account": {vault.AuthOptions{Role: "app", Type: "iam"}, false},
		"an account with gce":    {vault.AuthOptions{Role: "app", Account: "a@b"}, false},
		"a region":               {vault.AuthOptions{Role: "app", Region: "eu"}, false},
		"another type":           {vault.AuthOptions{Role: "app", Type: "ec2"}, false},
	} {
		m, err := method(c.options)
		assert.Equal(t, c.ok, err == nil, name)
		if c.ok {
			require.NotNil(t, m, name)
		}
	}
}
