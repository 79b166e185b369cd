package aws

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

func TestSecretsManagerConformance(t *testing.T) {
	sm, _ := administrator(region)
	secretstest.Run(t, secretstest.Harness{
		New: func(t testing.TB) secrets.Provider { return provider(t, map[string]int{}) },
		Put: func(t testing.TB, path string, data []byte) {
			id := aws.String("conformance/" + path)
			in := &secretsmanager.PutSecretValueInput{SecretId: id}
			if text(data) {
				in.SecretString = aws.String(string(data))
			} else {
				in.SecretBinary = data
			}
			_, err := sm.PutSecretValue(t.Context(), in)
			var missing *smtypes.ResourceNotFoundException
			if errors.As(err, &missing) {
				_, err = sm.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: id, SecretString: in.SecretString, SecretBinary: in.SecretBinary})
			}
			require.NoError(t, err)
		},
		Delete: func(t testing.TB, path string) {
			_, err := sm.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("conformance/" + path), ForceDeleteWithoutRecovery: aws.Bool(true)})
			require.NoError(t, err)
		},
		Base:    "conformance",
		MaxSize: 65536,
		NoEmpty: true, // PutSecretValue wants one character at least
	})
}

func TestParameterStoreConformance(t *testing.T) {
	_, s := administrator(region)
	secretstest.Run(t, secretstest.Harness{
		New: func(t testing.TB) secrets.Provider { return parameters(t, map[string]int{}) },
		Put: func(t testing.TB, path string, data []byte) {
			_, err := s.PutParameter(t.Context(), &awsssm.PutParameterInput{
				Name: aws.String("/conformance/" + path), Value: aws.String(string(data)), Type: types.ParameterTypeSecureString,
				Tier: types.ParameterTierAdvanced, Overwrite: aws.Bool(true),
			})
			require.NoError(t, err)
		},
		Delete: func(t testing.TB, path string) {
			_, err := s.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/conformance/" + path)})
			require.NoError(t, err)
		},
		Base:     "/conformance",
		MaxSize:  8192,
		NoBinary: true,
		NoEmpty:  true, // PutParameter wants one character at least
	})
}

// text reports whether data can be a SecretString.
func text(data []byte) bool { return utf8.Valid(data) }
