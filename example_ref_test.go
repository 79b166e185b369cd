package secrets_test

import (
	"fmt"

	"github.com/go-secrets/secrets"
)

// References are read in this package's form, and in the forms of other tools
// where the backend is linked that they are for.
func ExampleParseRef() {
	for _, text := range []string{
		"awssm://prod/db?region=eu-west-1#password",
		"ssm:///prod/db?version=4#/replicas/0/host",
		"file:///run/secrets/100%25",
		"ref+file:///run/secrets/db#password",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db:4",
		"vault://root:token@secret/prod",
	} {
		ref, err := secrets.ParseRef(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s %q %v %q\n", ref.Scheme, ref.Join(), ref.Options, ref.Field)
	}
	// Output:
	// awssm "prod/db" map[region:eu-west-1] "password"
	// ssm "/prod/db" map[version:4] "/replicas/0/host"
	// file "/run/secrets/100%" map[] ""
	// file "/run/secrets/db" map[] "password"
	// secrets: parse reference: invalid: no backend is linked for scheme "ssm"; add: import _ "github.com/go-secrets/secrets/ssm"
	// secrets: parse reference: invalid: vault:// holds what looks like user:password@ in its path; credentials belong into the environment or a file (write @ as %40 if it is part of the name)
}

// A value of the environment is a reference if it is wholly one.
func ExampleParseValue() {
	for _, value := range []string{
		"vault://secret/prod/db#password",
		"file://migrations",
		"postgres://app:ref+vault://secret/prod/db#password@db/app",
	} {
		ref, found, err := secrets.ParseValue(value)
		switch {
		case err != nil:
			fmt.Println(err)
		case found:
			fmt.Println("reference:", ref)
		default:
			fmt.Println("text:", value)
		}
	}
	// Output:
	// reference: vault://secret/prod/db#password
	// text: file://migrations
	// secrets: parse reference: invalid: a reference stands within other text, where it is not resolved: make it the whole value
}

// Whoever can set a variable must not choose where credentials are sent.
func ExampleResolver_CheckValue() {
	r, _, done := manager(nil)
	defer done()

	ref, _, err := secrets.ParseValue("vault://secret/prod/db?address=https://vault.example.com#password")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.CheckValue(ref))
	// Output:
	// secrets: parse reference: invalid: the option address of a vault:// reference in a value says where credentials are sent, and no configured provider has the same
}

// A Ref prints as ParseRef reads it, and knows whether its path is a name that
// the program asked for or part of the configuration.
func ExampleRef() {
	ref, err := secrets.ParseRef("ssm:///prod/db?version=4#password")
	fmt.Println(ref, err, ref.IsName())

	base := secrets.Ref{Scheme: "ssm", Base: "/prod", Path: "db/password"}
	fmt.Println(base.Join(), base.IsName())
	// Output:
	// ssm:///prod/db?version=4#password <nil> false
	// /prod/db/password true
}
