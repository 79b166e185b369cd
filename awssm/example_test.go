package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/awssm"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// By its URI: the import of the package is all that the program needs, and the
// SDK's default chain finds the credentials.
func Example() {
	endpoint, done := secretsManager(awstest.SecretsManager{"prod/db": `{"user":"app","password":"correct horse"}`})
	defer done()

	// In a deployment: SECRETS_URL="awssm://prod?region=eu-west-1", and secrets.Get.
	r, err := secrets.Open(context.Background(), "awssm://prod?region=eu-west-1&endpoint="+endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password") // the field password of prod/db
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// Over a client of your own, whose region, credentials and retries it keeps.
func ExampleNew() {
	endpoint, done := secretsManager(awstest.SecretsManager{"team-db": `{"user":"app","password":"correct horse"}`})
	defer done()

	client := secretsmanager.New(secretsmanager.Options{ // or NewFromConfig
		Region:       "eu-west-1",
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "not-a-real-key", ""),
	})
	provider := awssm.New(client, awssm.WithPrefix("team-"), awssm.WithoutBatch(),
		awssm.WithLogger(slog.New(slog.DiscardHandler)))
	defer provider.Close() // the client stays open
	r := secrets.New(provider)
	defer r.Close()

	db, err := r.Get(context.Background(), "db")
	fmt.Println(db.Version(), err)

	// The class says what to do, and the SDK's own error is there, too.
	_, err = r.Get(context.Background(), "stripe")
	var missing *types.ResourceNotFoundException
	fmt.Println(errors.Is(err, secrets.ErrNotFound), errors.As(err, &missing))
	// Output:
	// 11111111-1111-4111-8111-111111111111 <nil>
	// true true
}

// Names are listed without their values. It needs secretsmanager:ListSecrets.
func ExampleProvider_List() {
	endpoint, done := secretsManager(awstest.SecretsManager{"prod/db": `{}`})
	defer done()
	r, err := secrets.Open(context.Background(), "awssm://prod?region=eu-west-1&endpoint="+endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	for name, err := range r.List(context.Background(), "") {
		fmt.Println(name, err)
	}
	// Output:
	// db <nil>
}

// secretsManager stands in these examples for the service.
func secretsManager(held awstest.SecretsManager) (endpoint string, done func()) {
	service := new(awstest.Server)
	service.Handle(held.Handle)
	server := httptest.NewServer(service)
	names := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-key"}
	restore := make(map[string]string)
	for name, value := range names {
		if before, set := os.LookupEnv(name); set {
			restore[name] = before
		}
		_ = os.Setenv(name, value)
	}
	return server.URL, func() {
		server.Close()
		for name := range names {
			if before, set := restore[name]; set {
				_ = os.Setenv(name, before)
			} else {
				_ = os.Unsetenv(name)
			}
		}
	}
}
