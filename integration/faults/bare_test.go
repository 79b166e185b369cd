package faults_test

import (
	"context"
	"errors"
	"os"
	"strings"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/hashicorp/vault/api"
	"google.golang.org/api/option"

	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// A reader reads the secret start/db with the SDK of its service alone, as the
// SDK's guide shows.
type reader func(ctx context.Context) error

// amazonConfig is that of a program that may assume a role of its own.
func amazonConfig(ctx context.Context, role bool) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err == nil && role {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), awstest.Role))
	}
	return cfg, err
}

func bareSecretsManager(endpoint string, role bool) reader {
	return func(ctx context.Context) error {
		cfg, err := amazonConfig(ctx, role)
		if err != nil {
			return err
		}
		client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = &endpoint })
		_, err = client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("start/db")})
		return err
	}
}

func bareParameterStore(endpoint string) reader {
	return func(ctx context.Context) error {
		cfg, err := amazonConfig(ctx, false)
		if err != nil {
			return err
		}
		client := awsssm.NewFromConfig(cfg, func(o *awsssm.Options) { o.BaseEndpoint = &endpoint })
		_, err = client.GetParameter(ctx, &awsssm.GetParameterInput{Name: aws.String("/start/db"), WithDecryption: aws.Bool(true)})
		return err
	}
}

func bareGoogle(endpoint string) reader {
	return func(ctx context.Context) error {
		client, err := secretmanager.NewClient(ctx, option.WithEndpoint(endpoint))
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		_, err = client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: "projects/my-project/secrets/start-db/versions/latest"})
		return err
	}
}

// bareVault logs in at auth, unless there is a token, and reads a path.
func bareVault(address, path, auth string, login map[string]string) reader {
	return func(ctx context.Context) error {
		cfg := api.DefaultConfig()
		cfg.Address = address
		client, err := api.NewClient(cfg)
		if err != nil {
			return err
		}
		if auth != "" {
			body := make(map[string]any)
			for field, file := range login {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				body[field] = strings.TrimSpace(string(text))
			}
			if auth == "kubernetes" {
				body["role"] = "app"
			}
			secret, err := client.Logical().WriteWithContext(ctx, "auth/"+auth+"/login", body)
			if err != nil {
				return err
			}
			client.SetToken(secret.Auth.ClientToken)
		}
		secret, err := client.Logical().ReadWithContext(ctx, path)
		if err == nil && secret == nil {
			err = errors.New("no secret")
		}
		return err
	}
}
