package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-secrets/secrets"
)

// A table is a backend of one's own: one method that reads one document.
// Caching, retries, fields and the search for names are the resolver's.
type table map[string]string

func (t table) Fetch(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
	data, ok := t[ref.Join()]
	if !ok {
		return secrets.Value{}, fmt.Errorf("%w: the table has no row %q", secrets.ErrNotFound, ref.Join())
	}
	return secrets.Value{Data: []byte(data)}, nil // no Version: it is derived
}

func ExampleProvider() {
	r := secrets.New(table{"db": `{"user":"app","password":"correct horse"}`})
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password")
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// A backend has a scheme by a call of Register in its init function. Its
// users link it by a blank import, and name it in SECRETS_URL.
func ExampleRegister() {
	secrets.Register("table", secrets.Backend{
		Open: func(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
			if base.Options["mode"] == "down" {
				return nil, fmt.Errorf("%w: the table is locked", secrets.ErrUnavailable)
			}
			return table{"prod/api-key": "k1"}, nil
		},
		Options: []string{"mode"}, // any other is refused before Open is called
	})

	r, err := secrets.Open(context.Background(), "table://prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	key, err := r.Get(context.Background(), "api-key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// k1 <nil>
}

// What a backend can do beside Fetch it says by more methods. This one reads
// many rows by one query, and hands out rows that end.
type leased struct{ table }

func (t leased) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	results := make([]secrets.Result, len(refs)) // aligned with refs
	for i, ref := range refs {
		results[i].Value, results[i].Err = t.Fetch(ctx, ref)
	}
	return results
}

func (t leased) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	v, err := t.table.Fetch(ctx, ref)
	v.Lease, v.Expires = ref.Join(), time.Now().Add(time.Hour)
	return v, err
}

func (t leased) Renew(context.Context, secrets.Value) (secrets.Value, error) {
	return secrets.Value{}, errors.ErrUnsupported // read it again instead
}

func (t leased) Revoke(_ context.Context, v secrets.Value) error {
	fmt.Println("revoked", v.Lease)
	return nil
}

var (
	_ secrets.BatchProvider = leased{}
	_ secrets.LeaseProvider = leased{}
)

func ExampleLeaseProvider() {
	r := secrets.New(leased{table{"db": `{"user":"app-1","password":"p"}`}})
	user, err := r.Get(context.Background(), "db#user")
	fmt.Println(user.Reveal(), err, user.ExpiresAt().IsZero())
	fmt.Println(r.Close()) // gives the lease back
	// Output:
	// app-1 <nil> false
	// revoked db
	// <nil>
}
