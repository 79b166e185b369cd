package secrets_test

import (
	"errors"
	"fmt"

	"github.com/go-secrets/secrets"
)

func ExampleGet() {
	ctx, _, done := infrastructure(map[string]string{"db": `{"user":"app","password":"correct horse"}`})
	defer done()

	// There is no document db/password, so it is a field of db.
	password, err := secrets.Get(ctx, "db/password")
	fmt.Println(password.Reveal(), err)

	// This says outright that it is one.
	user, err := secrets.Get(ctx, "db#user")
	fmt.Println(user.Reveal(), err)
	// Output:
	// correct horse <nil>
	// app <nil>
}

// What belongs together is read as one document: its fields are of one
// version, also while it is rotated.
func ExampleSecret_Field() {
	ctx, _, done := infrastructure(map[string]string{"db": `{"user":"app","password":"correct horse","hosts":["a","b"]}`})
	defer done()

	db, err := secrets.Get(ctx, "db")
	if err != nil {
		fmt.Println(err)
		return
	}
	user, _ := db.Field("user")
	password, _ := db.Field("password")
	host, _ := db.Field("/hosts/0") // a JSON pointer
	fmt.Println(user.Reveal(), password.Reveal(), host.Reveal(), user.Version() == password.Version())

	_, err = db.Field("passwrod")
	fmt.Println(err)
	// Output:
	// app correct horse a true
	// secrets: field "db": not found: the document has no field "passwrod"
}

// Every error has a class, and tells where the name was looked for.
func ExampleError() {
	ctx, _, done := infrastructure(nil)
	defer done()

	_, err := secrets.Get(ctx, "db/password")
	switch {
	case errors.Is(err, secrets.ErrNotFound):
		fmt.Println("there is none")
	case errors.Is(err, secrets.ErrPermission), errors.Is(err, secrets.ErrUnauthenticated):
		fmt.Println("ask for access")
	case errors.Is(err, secrets.ErrUnavailable), errors.Is(err, secrets.ErrThrottled):
		fmt.Println("try again later")
	}
	var e *secrets.Error
	if errors.As(err, &e) {
		fmt.Println("asked for", e.Name)
	}
	// Output:
	// there is none
	// asked for db/password
}

// Parts of a name that are input can lead nowhere else.
func ExampleName() {
	tenant := "acme"
	fmt.Println(secrets.Name("tenants", tenant, "signing-key"))

	tenant = "../admin"
	_, err := secrets.Name("tenants", tenant, "signing-key")
	fmt.Println(errors.Is(err, secrets.ErrInvalid))
	// Output:
	// tenants/acme/signing-key <nil>
	// true
}
