package gcp_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/gcp"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

// By its URI: the import of the package is all that the program needs, and the
// application default credentials are used.
func Example() {
	server := service()
	defer server.Close()
	server.Put("projects/my-project/secrets/db-password", []byte("correct horse"))

	// In a deployment: SECRETS_URL="gcp://my-project", and secrets.Get.
	r, err := secrets.Open(context.Background(), "gcp://my-project?endpoint="+server.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password") // the secret db-password
	fmt.Println(password.Reveal(), password.Version(), err)
	// Output:
	// correct horse 1 <nil>
}

// Over a client of your own, with its credentials and interceptors.
func ExampleNew() {
	server := service()
	defer server.Close()
	server.Put("projects/my-project/locations/europe-west1/secrets/db_password", []byte("correct horse"))
	ctx := context.Background()

	// For Google's service: option.WithEndpoint("secretmanager.europe-west1.rep.googleapis.com:443").
	client, err := secretmanager.NewClient(ctx, option.WithEndpoint(server.Addr()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	provider := gcp.New(client, gcp.WithLocation("europe-west1"), gcp.WithSeparator("_"))
	defer provider.Close() // the client stays open
	r := secrets.New(provider)
	defer r.Close()

	password, err := r.Get(ctx, "my-project/db/password") // with no URI, the project stands before the name
	fmt.Println(password.Reveal(), password.Version(), err)

	// The class says what to do, and the client's own error is there, too.
	_, err = r.Get(ctx, "my-project/stripe/key")
	var api *apierror.APIError
	fmt.Println(errors.Is(err, secrets.ErrNotFound), errors.As(err, &api))
	// Output:
	// correct horse 1 <nil>
	// true true
}

// service stands in these examples for Secret Manager.
func service() *gcpfake.Server {
	server, err := gcpfake.Start()
	if err != nil {
		log.Fatal(err)
	}
	return server
}
