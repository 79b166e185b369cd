package ssm

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestEveryFailureThatCanBeProvokedHasExactlyOneClass(t *testing.T) {
	awstest.OneClass(t, awstest.Makers{
		Scheme: "ssm",
		Open: func(options map[string]string) (secrets.Provider, error) {
			return open(t.Context(), secrets.Ref{Scheme: "ssm", Options: options})
		},
		New: func(url string, credentials aws.CredentialsProvider, client awstest.Doer) secrets.Provider {
			return New(clientOf(&awstest.Server{URL: url}, func(o *ssm.Options) {
				o.Credentials = credentials
				if client != nil {
					o.HTTPClient = client
				}
			}))
		},
	})
}
