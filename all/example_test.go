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

// With the backends linked, references are read in the forms of other tools,
// too.
func Example_references() {
	for _, text := range []string{
		"arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db:4",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf:password::",
		"gcp:secretmanager:projects/p/secrets/s/versions/7",
		"sm://p/s#7",
		"vault:secret/data/prod/db#password#3",
		"ref+vault://secret/prod/db#/password",
	} {
		ref, err := secrets.ParseRef(text)
		fmt.Println(ref, err)
	}
	// Output:
	// ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db?region=eu-west-1&version=4 <nil>
	// awssm://arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf?region=eu-west-1#password <nil>
	// gcp://p/s?version=7 <nil>
	// gcp://p/s?version=7 <nil>
	// vault://secret/data/prod/db?version=3#password <nil>
	// vault://secret/prod/db#/password <nil>
}
