package envfile_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/envfile"
)

// By a URI: the import of the package links env://, envfile:// and file://.
func Example() {
	dir, remove := files(map[string]string{"db/user": "app", "db/password": "correct horse\n"})
	defer remove()

	// In a deployment: SECRETS_URL="file:///run/secrets env://", and secrets.Get.
	r, err := secrets.Open(context.Background(), "file://"+dir+" env://")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password") // the newline is dropped
	fmt.Printf("%q %v\n", password.Reveal(), err)
	db, err := r.Get(context.Background(), "db") // the directory, as one document
	fmt.Println(db.Reveal(), err)
	// Output:
	// "correct horse" <nil>
	// {"password":"correct horse","user":"app"} <nil>
}

// A directory of mounted files, in code.
func ExampleNewDir() {
	dir, remove := files(map[string]string{"db": "user: app\npassword: correct horse\n"}) // as the Agent Injector's default template
	defer remove()

	provider := envfile.NewDir(dir, envfile.DirOptions{Format: envfile.FormatLines, Perm: envfile.PermPrivate})
	defer provider.Close()
	r := secrets.New(provider)
	defer r.Close()

	password, err := r.Get(context.Background(), "db/password")
	fmt.Println(password.Reveal(), err)
	// Output:
	// correct horse <nil>
}

// A dotenv, in code. Nothing in it is expanded.
func ExampleNewDotenv() {
	dir, remove := files(map[string]string{".env": "APP_DB_USER=app\nAPP_DB_PASSWORD='pa$$word' # a comment\n"})
	defer remove()

	provider := envfile.NewDotenv(filepath.Join(dir, ".env"), envfile.DotenvOptions{Prefix: "APP_"})
	defer provider.Close()
	r := secrets.New(provider)
	defer r.Close()

	db, err := r.Get(context.Background(), "db") // the variables APP_DB_…
	fmt.Println(db.Reveal(), err)
	// Output:
	// {"password":"pa$$word","user":"app"} <nil>
}

// The environment, in code. A _FILE variable names a file with the value.
func ExampleNewEnv() {
	dir, remove := files(map[string]string{"token": "t1\n"})
	defer remove()
	for name, value := range map[string]string{"EXAMPLE_API_KEY": "k1", "EXAMPLE_TOKEN_FILE": filepath.Join(dir, "token")} {
		_ = os.Setenv(name, value)
		defer os.Unsetenv(name)
	}

	provider := envfile.NewEnv(envfile.EnvOptions{Prefix: "EXAMPLE_"})
	defer provider.Close()
	r := secrets.New(provider)
	defer r.Close()

	for _, name := range []string{"api/key", "token"} {
		s, err := r.Get(context.Background(), name)
		fmt.Println(s.Reveal(), err)
	}
	_, err := r.Get(context.Background(), "no/such")
	fmt.Println(errors.Is(err, secrets.ErrNotFound))
	// Output:
	// k1 <nil>
	// t1 <nil>
	// true
}

// The names that a directory has, without their values.
func ExampleDir_List() {
	dir, remove := files(map[string]string{"db/user": "app", "db/password": "p", "stripe": "k"})
	defer remove()

	var names []string
	for name, err := range envfile.NewDir(dir, envfile.DirOptions{}).List(context.Background(), "") {
		if err != nil {
			log.Fatal(err)
		}
		names = append(names, name)
	}
	fmt.Println(slices.Compact(names))
	// Output:
	// [db/password db/user stripe]
}

// files writes files below a directory that only this user can read.
func files(texts map[string]string) (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "envfile-example-")
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range texts {
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
