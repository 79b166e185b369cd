package ssm_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/ssm"
)

// By its URI: the import of the package is all that the program needs, and the
// SDK's default chain finds the credentials.
func Example() {
	endpoint, done := parameterStore(awstest.ParameterStore{"/prod/db/password": "correct horse"})
	defer done()

	// In a deployment: SECRETS_URL="ssm:///prod?region=eu-west-1", and secrets.Get.
	r, err := secrets.Open(context.Background(), "ssm:///prod?region=eu-west-1&endpoint="+endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password") // the parameter /prod/db/password
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// Over a client of your own, whose region, credentials and retries it keeps.
// WithTree makes a document of the parameters below a name.
func ExampleNew() {
	endpoint, done := parameterStore(awstest.ParameterStore{"/team/db/user": "app", "/team/db/password": "correct horse"})
	defer done()

	client := awsssm.New(awsssm.Options{ // or NewFromConfig
		Region:       "eu-west-1",
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "not-a-real-key", ""),
	})
	provider := ssm.New(client, ssm.WithTree(), ssm.WithPrefix("/team/"), ssm.WithoutBatch(),
		ssm.WithLogger(slog.New(slog.DiscardHandler)))
	defer provider.Close() // the client stays open
	r := secrets.New(provider)
	defer r.Close()

	var db struct{ User, Password string }
	document, err := r.Get(context.Background(), "db")
	if err == nil {
		err = document.Decode(&db)
	}
	fmt.Println(db.User, db.Password, err)

	// The class says what to do, and the SDK's own error is there, too.
	_, err = r.Get(context.Background(), "stripe/key")
	var missing *types.ParameterNotFound
	fmt.Println(errors.Is(err, secrets.ErrNotFound), errors.As(err, &missing))
	// Output:
	// app correct horse <nil>
	// true true
}

// parameterStore stands in these examples for the service.
func parameterStore(held awstest.ParameterStore) (endpoint string, done func()) {
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
