package all_test

import (
	"context"
	"fmt"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/all"
)

// A tool that is told at run time where secrets live links every backend.
func Example() {
	for _, uri := range []string{"env://", "file:///run/secrets", "vault://secret/prod", "awssm://prod?region=eu-west-1", "ssm:///prod?region=eu-west-1", "gcp://my-project"} {
		r, err := secrets.Open(context.Background(), uri)
		fmt.Println(uri, err)
		if err == nil {
			_ = r.Close()
		}
	}
	// Output:
	// env:// <nil>
	// file:///run/secrets <nil>
	// vault://secret/prod <nil>
	// awssm://prod?region=eu-west-1 <nil>
	// ssm:///prod?region=eu-west-1 <nil>
	// gcp://my-project <nil>
}
