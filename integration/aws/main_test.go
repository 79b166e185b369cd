// Package aws runs the backends awssm and ssm against moto_server, the
// emulator, which it starts and stops. What moto gets wrong or can't do is
// tested beside the backends, against a server that speaks the wire protocol.
package aws

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/moto"
)

const (
	region = "eu-west-1"
	other  = "us-west-2"
)

var server *moto.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// Nothing of the developer's own may take part.
	home, err := os.MkdirTemp("", "aws")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(home) }()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-key", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": region,
		"AWS_CONFIG_FILE": home + "/config", "AWS_SHARED_CREDENTIALS_FILE": home + "/credentials", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "",
	} {
		_ = os.Setenv(name, value)
	}
	if server, err = moto.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop()
	return m.Run()
}

// administrator returns clients that write, in a region.
func administrator(region string) (*secretsmanager.Client, *awsssm.Client) {
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDADMIN", "not-a-real-key", ""),
	}
	return secretsmanager.NewFromConfig(cfg), awsssm.NewFromConfig(cfg)
}

// resolver opens a URI, with the emulator as its endpoint.
func resolver(t testing.TB, uri, options string) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(context.Background(), uri+"?endpoint="+server.URL+options, secrets.WithOnDemand())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// get reads a name and returns its text.
func get(t testing.TB, r *secrets.Resolver, name string) (string, error) {
	t.Helper()
	s, err := r.Get(t.Context(), name)
	if err != nil {
		return "", err
	}
	return s.Reveal(), nil
}
