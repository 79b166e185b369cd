package awssm

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// elsewhere is an address of no machine: whatever is sent there is lost.
const elsewhere = "http://192.0.2.1:4566"

func TestPlainHTTPToAnotherMachineIsRefusedHoweverItIsNamed(t *testing.T) {
	_, err := open(t.Context(), secrets.Ref{Scheme: "awssm", Options: map[string]string{"endpoint": elsewhere}})
	requireClass(t, err, secrets.ErrInvalid, "option endpoint", "allow_http=true", "SECRETS_ALLOW_HTTP=192.0.2.1")
	for name, c := range map[string]struct {
		set     []string
		profile string
		options map[string]string
	}{
		"AWS_ENDPOINT_URL":                 {set: []string{"AWS_ENDPOINT_URL=" + elsewhere}},
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": {set: []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + elsewhere}},
		"endpoint_url of profile default":  {profile: "[default]\nendpoint_url = " + elsewhere},
		"endpoint_url of profile dev":      {set: []string{"AWS_PROFILE=dev"}, profile: "[profile dev]\nservices = s\n[services s]\nsecrets_manager =\n  endpoint_url = " + elsewhere},
		"AWS_ENDPOINT_URL_STS":             {set: []string{"AWS_ENDPOINT_URL_STS=" + elsewhere}, options: map[string]string{"role": awstest.Role, "endpoint": "http://127.0.0.1:1"}},
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": {set: []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_EC2_METADATA_DISABLED=",
			"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + elsewhere}},
	} {
		t.Run(name, func(t *testing.T) {
			awstest.Environment(t, append(append([]string{}, awstest.Keys...), c.set...)...)
			if c.profile != "" {
				awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), c.profile+"\n")
			}
			start := time.Now()
			requireClass(t, within(t, fromURI(t, c.options)), secrets.ErrInvalid, name, "allow_http=true", "SECRETS_ALLOW_HTTP=192.0.2.1")
			assert.Less(t, time.Since(start), 500*time.Millisecond, "nothing was sent")
			for what, allow := range map[string]func() map[string]string{
				"the variable": func() map[string]string {
					t.Setenv("SECRETS_ALLOW_HTTP", "localstack, 192.0.2.1")
					return map[string]string{}
				},
				"the option": func() map[string]string { return map[string]string{"allow_http": "true"} },
			} {
				t.Setenv("SECRETS_ALLOW_HTTP", "")
				options := allow()
				for k, v := range c.options {
					options[k] = v
				}
				err := within(t, fromURI(t, options))
				require.Error(t, err, "there is nothing at the address")
				assert.NotErrorIs(t, err, secrets.ErrInvalid, what)
			}
		})
	}
}

func TestAUsersOwnClientMayGoAnywhere(t *testing.T) {
	t.Parallel()
	err := within(t, New(clientOf(&awstest.Server{URL: elsewhere})))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
}
