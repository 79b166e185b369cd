package main

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/go-secrets/secrets/internal/moto"
)

// An emulator is an AWS on this machine with the example's secrets. A program
// of your own has none of this file.
type emulator struct {
	*moto.Server
	rotate func() error
}

// startEmulator starts it, stores the secrets and points the environment at it.
func startEmulator(ctx context.Context) (*emulator, error) {
	server, err := moto.Start()
	if err != nil {
		return nil, err
	}
	e := &emulator{Server: server}
	if err := e.fill(ctx); err != nil {
		e.Stop()
		return nil, err
	}
	for name, value := range map[string]string{
		"SECRETS_URL":       "awssm://prod ssm:///prod",
		"AWS_ENDPOINT_URL":  server.URL,
		"AWS_REGION":        "eu-west-1",
		"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_PROFILE": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			e.Stop()
			return nil, err
		}
	}
	return e, nil
}

// fill stores the secrets, as an administrator would.
func (e *emulator) fill(ctx context.Context) error {
	cfg := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(e.URL),
		Credentials: credentials.NewStaticCredentialsProvider("demo", "demo", ""),
	}
	manager, store := secretsmanager.NewFromConfig(cfg), ssm.NewFromConfig(cfg)
	_, err := manager.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String("prod/db"), SecretString: aws.String(`{"user":"app","password":"first"}`),
	})
	if err != nil {
		return err
	}
	_, err = store.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String("/prod/stripe/key"), Value: aws.String("demo-key"), Type: types.ParameterTypeSecureString,
	})
	e.rotate = func() error {
		_, err := manager.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("prod/db"), SecretString: aws.String(`{"user":"app","password":"second"}`),
		})
		return err
	}
	return err
}
