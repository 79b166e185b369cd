package authaws_test

import (
	"context"
	"fmt"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/vault"
	_ "github.com/go-secrets/secrets/vault/authaws"
)

// A blank import is enough. The login comes with the first read.
func Example() {
	r, err := secrets.Open(context.Background(), "vault://secret/prod?auth=aws&role=app&auth_mount=aws-prod")
	fmt.Println(err)
	if err == nil {
		_ = r.Close()
	}
	// Output:
	// <nil>
}
