package vault_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

// By its URI: the import of the package is all that the program needs. A pod
// logs in with its service account.
func Example() {
	r, err := secrets.Open(context.Background(), "vault://secret/prod?auth=kubernetes&role=app")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close() // revokes the token and what leases there are

	password, err := r.Get(context.Background(), "db/password")
	if err != nil {
		log.Fatal(err)
	}
	_ = password.Reveal()
}

// Over a client of your own, whose address, TLS settings, namespace, headers
// and timeout it takes over. Here the token is the client's.
func ExampleNew() {
	client, done := server()
	defer done()
	client.SetToken("token-of-the-program")

	provider := vault.New(client)
	defer provider.Close()
	r := secrets.New(provider)
	defer r.Close()

	password, err := r.Get(context.Background(), "secret/prod/db/password")
	fmt.Println(password.Reveal(), password.Version(), err)

	// The class says what to do, and Vault's own error is there, too.
	_, err = r.Get(context.Background(), "secret/prod/stripe")
	var answer *api.ResponseError
	fmt.Println(errors.Is(err, secrets.ErrNotFound), errors.As(err, &answer) && answer.StatusCode == 404)
	// Output:
	// correct horse 3 <nil>
	// true true
}

// WithAuth logs in when the first secret is read, and again when need be: with
// a method of this package, of vault/api/auth, or your own.
func ExampleWithAuth() {
	client, done := server()
	defer done()
	dir, err := os.MkdirTemp("", "vault-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	secretID := filepath.Join(dir, "secret-id") // an agent writes it, and replaces it
	if err := os.WriteFile(secretID, []byte("5f2c\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	provider := vault.New(client, vault.WithoutRenewal(), vault.WithAuth(&vault.AppRole{
		RoleID:   vault.Text("app"),
		SecretID: vault.File(secretID), // read at each login
	}))
	defer provider.Close() // revokes the token
	r := secrets.New(provider)
	defer r.Close()

	password, err := r.Get(context.Background(), "secret/prod/db/password")
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// The login methods of this package. Each has a URI option of its name, too.
func ExampleWithAuth_methods() {
	client, err := api.NewClient(nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, method := range []api.AuthMethod{
		&vault.Kubernetes{Role: "app"}, // the pod's service account
		&vault.JWT{Role: "ci", JWT: vault.File("/run/ci/jwt")},
		&vault.Cert{Role: "app"}, // the client certificate of the TLS connection
		&vault.Userpass{Username: "app", Password: vault.File("/run/secrets/password")},
		&vault.LDAP{Username: "app", Password: vault.File("/run/secrets/password")},
	} {
		provider := vault.New(client, vault.WithAuth(method)) // no I/O: the login comes with the first read
		fmt.Printf("%T %v\n", method, provider.Close())
	}
	// Output:
	// *vault.Kubernetes <nil>
	// *vault.JWT <nil>
	// *vault.Cert <nil>
	// *vault.Userpass <nil>
	// *vault.LDAP <nil>
}

// A token in a file that an agent writes is followed.
func ExampleWithToken() {
	client, done := server()
	defer done()
	provider := vault.New(client, vault.WithToken(vault.TokenFile("/run/vault/token")), vault.WithPlainHTTP())
	defer provider.Close()

	_, err := provider.Fetch(context.Background(), secrets.Ref{Scheme: "vault", Path: "secret/prod/db"})
	fmt.Println(errors.Is(err, secrets.ErrUnauthenticated)) // there is no such file on this machine
	// Output:
	// true
}

// Behind a Vault Agent or Proxy with auto-auth, tokens and leases are its own.
func ExampleWithAgent() {
	client, done := server() // its address is the agent's
	defer done()
	r := secrets.New(vault.New(client, vault.WithAgent()))
	defer r.Close()

	password, err := r.Get(context.Background(), "secret/prod/db/password")
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// A login of one's own has a name in URIs by a call of RegisterAuth: then
// vault://secret/prod?auth=example&role=app logs in with it.
func ExampleRegisterAuth() {
	vault.RegisterAuth("example", func(o vault.AuthOptions) (api.AuthMethod, error) {
		if o.Role == "" {
			return nil, errors.New("auth=example needs role")
		}
		return &vault.JWT{Mount: "example", Role: o.Role, JWT: vault.File("/run/example/jwt")}, nil
	})
	r, err := secrets.Open(context.Background(), "vault://secret/prod?auth=example&role=app")
	fmt.Println(err)
	_ = r.Close()
	// Output:
	// <nil>
}

// Before the process becomes another one (exec), Detach leaves token and leases
// to it. Resolver.Detach does so for the providers that it opened.
func ExampleProvider_Detach() {
	client, done := server()
	defer done()
	provider := vault.New(client, vault.WithAgent())
	fmt.Println(provider.Detach())
	// Output:
	// <nil>
}

// server stands in these examples for Vault, with a KV version 2 mount.
func server() (client *api.Client, done func()) {
	answers := map[string]string{
		"GET /v1/sys/internal/ui/mounts/secret/prod/db/password": `{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}`,
		"GET /v1/secret/data/prod/db":                            `{"data":{"data":{"user":"app","password":"correct horse"},"metadata":{"version":3,"created_time":"2026-01-07T09:20:11Z"}}}`,
		"PUT /v1/auth/approle/login":                             `{"auth":{"client_token":"token-of-the-login","lease_duration":3600,"renewable":true}}`,
		"PUT /v1/auth/token/revoke-self":                         `{}`,
		"GET /v1/auth/token/lookup-self":                         `{"data":{"ttl":0}}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"errors":[]}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	config := api.DefaultConfig()
	config.Address = s.URL
	client, err := api.NewClient(config)
	if err != nil {
		log.Fatal(err)
	}
	return client, s.Close
}
