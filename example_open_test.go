package secrets_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/envfile"
	"github.com/go-secrets/secrets/secretstest"
)

// A program that does not want the default resolver opens one of its own, on
// one URI or several, which are searched in order.
func ExampleOpen() {
	dir, remove := mount(map[string]string{"db/user": "app", "db/password": "correct horse\n"})
	defer remove()

	// The import of package envfile links env:// and file://.
	r, err := secrets.Open(context.Background(), "env://?prefix=EXAMPLE_ file://"+dir, secrets.WithTTL(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password")
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// A backend that is not linked is told with the import that links it. Nothing
// is read by Open, so this is what it can find wrong.
func ExampleOpen_errors() {
	_, err := secrets.Open(context.Background(), "vault://secret/prod")
	fmt.Println(err)
	_, err = secrets.Open(context.Background(), "file:///run/secrets?trimm=none")
	text, _, _ := strings.Cut(err.Error(), " (it knows ") // those that there are
	fmt.Println(text)
	// Output:
	// secrets: open: invalid: no backend is linked for scheme "vault"; add: import _ "github.com/go-secrets/secrets/vault"
	// secrets: open: invalid: file:// does not know the option "trimm"
}

// A provider made in code takes the place of a URI: over an SDK client of your
// own, or as here over a directory.
func ExampleNew() {
	dir, remove := mount(map[string]string{"api-key": "k1"})
	defer remove()

	provider := envfile.NewDir(dir, envfile.DirOptions{})
	defer provider.Close() // after the resolver: what the caller made is the caller's to close
	r := secrets.New(provider)
	defer r.Close()

	key, err := r.Get(context.Background(), "api-key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// k1 <nil>
}

// The first member that has a name answers. Only "not found" lets the next one
// be asked: an outage is never taken for absence.
func ExampleChain() {
	local := secretstest.NewProvider(map[string]string{"api-key": "mine"})
	shared := secretstest.NewProvider(map[string]string{"api-key": "everybody's", "db/password": "correct horse"})
	r := secrets.New(secrets.Chain(local, shared))
	defer r.Close()
	ctx := context.Background()

	key, err := r.Get(ctx, "api-key")
	fmt.Println(key.Reveal(), err)
	password, err := r.Get(ctx, "db/password")
	fmt.Println(password.Reveal(), err)
	// Output:
	// mine <nil>
	// correct horse <nil>
}

// A program that has a configuration of its own carries these settings in it.
func ExampleOpenConfig() {
	dir, remove := mount(map[string]string{"db/password": "correct horse", "payments/key": "sk_live_1"})
	defer remove()

	ttl := secrets.Duration(30 * time.Second)
	r, err := secrets.OpenConfig(context.Background(), secrets.Config{
		Providers:  []string{"file://" + dir},
		References: map[string]string{"stripe/key": "file://" + dir + "/payments/key"}, // one name lives elsewhere
		Cache:      secrets.CacheConfig{TTL: &ttl, MaxStale: secrets.Duration(time.Hour)},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	key, err := r.Get(context.Background(), "stripe/key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// sk_live_1 <nil>
}

// mount writes files below a directory, as a volume with secrets has them.
func mount(files map[string]string) (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "secrets-example-")
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return dir, func() { _ = os.RemoveAll(dir) }
}
