package peer

import (
	"context"
	"os"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/hashicorp/vault/api"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/go-secrets/secrets/bench/internal/fake"
)

// Environment gives this process credentials that nothing checks, and takes
// away what would lead elsewhere.
func Environment() error {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-key", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "eu-west-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "", "AWS_LAMBDA_FUNCTION_NAME": "",
		"VAULT_TOKEN": "not-a-real-token", "VAULT_ADDR": "", "VAULT_AGENT_ADDR": "", "VAULT_NAMESPACE": "",
		"SECRETS_URL": "", "SECRETS_CONFIG": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// awsConfig is the configuration of the SDK, with connections of its own.
func awsConfig(b *fake.Backend) (aws.Config, error) {
	return config.LoadDefaultConfig(context.Background(), config.WithBaseEndpoint(b.AWS), config.WithHTTPClient(awshttp.NewBuildableClient()))
}

// SecretsManager returns the SDK's client.
func SecretsManager(b *fake.Backend) (*secretsmanager.Client, error) {
	cfg, err := awsConfig(b)
	return secretsmanager.NewFromConfig(cfg), err
}

// SSM returns the SDK's client.
func SSM(b *fake.Backend) (*ssm.Client, error) {
	cfg, err := awsConfig(b)
	return ssm.NewFromConfig(cfg), err
}

type raw struct{ client *secretsmanager.Client }

func (r *raw) Get(ctx context.Context, name string) (string, error) {
	out, err := r.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

func (r *raw) Close() error { return nil }

type rawSSM struct{ client *ssm.Client }

// OpenSSM opens the SDK's client of Parameter Store.
func OpenSSM(b *fake.Backend) (Reader, error) {
	client, err := SSM(b)
	return rawSSM{client}, err
}

func (r rawSSM) Get(ctx context.Context, name string) (string, error) {
	out, err := r.client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/" + name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Parameter.Value), nil
}

func (rawSSM) Close() error { return nil }

type rawVault struct{ client *api.Client }

// OpenVault opens HashiCorp's client.
func OpenVault(b *fake.Backend) (Reader, error) {
	cfg := api.DefaultConfig()
	cfg.Address = b.AWS
	client, err := api.NewClient(cfg)
	return rawVault{client}, err
}

func (r rawVault) Get(ctx context.Context, name string) (string, error) {
	s, err := r.client.KVv2("secret").Get(ctx, name)
	if err != nil {
		return "", err
	}
	value, _ := s.Data["value"].(string)
	return value, nil
}

func (rawVault) Close() error { return nil }

type rawGCP struct{ client *secretmanager.Client }

// OpenGCP opens Google's client.
func OpenGCP(b *fake.Backend) (Reader, error) {
	conn, err := grpc.NewClient(b.GCP, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	client, err := secretmanager.NewClient(context.Background(), option.WithGRPCConn(conn))
	return rawGCP{client}, err
}

func (r rawGCP) Get(ctx context.Context, name string) (string, error) {
	out, err := r.client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{
		Name: "projects/" + fake.Project + "/secrets/" + name + "/versions/latest",
	})
	if err != nil {
		return "", err
	}
	return string(out.GetPayload().GetData()), nil
}

func (r rawGCP) Close() error { return r.client.Close() }
