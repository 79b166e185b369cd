package authgcp_test

import (
	"context"
	"fmt"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/vault"
	_ "github.com/go-secrets/secrets/vault/authgcp"
)

// A blank import is enough. The login comes with the first read.
func Example() {
	r, err := secrets.Open(context.Background(), "vault://secret/prod?auth=gcp&role=app&auth_mount=gcp-prod")
	fmt.Println(err)
	if err == nil {
		_ = r.Close()
	}
	// Output:
	// <nil>
}
