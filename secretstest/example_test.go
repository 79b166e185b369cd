package secretstest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// greet is a program that reads a secret.
func greet(ctx context.Context) (string, error) {
	name, err := secrets.Get(ctx, "greeting/name")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("hello, a name of %d letters", len(name.Reveal())), nil
}

// A test of a program that reads its secrets with secrets.Get, in parallel
// with others.
func ExampleContext() {
	_ = func(t *testing.T) { // func TestGreet(t *testing.T)
		t.Parallel()
		ctx := secretstest.Context(t, map[string]string{"greeting/name": "Ada"})
		got, err := greet(ctx)
		if err != nil || got != "hello, a name of 3 letters" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// What a program does while its backend is down, and after a rotation.
func ExampleProvider() {
	ctx := context.Background()
	p := secretstest.NewProvider(map[string]string{"db": `{"user":"app","password":"one"}`})
	p.Disable(secretstest.Watch) // as a backend that is polled
	r := secrets.New(p)
	defer r.Close()

	password, err := r.Get(ctx, "db/password")
	fmt.Println(len(password.Reveal()), err)

	p.Fail("db", secrets.ErrUnavailable)
	_, err = r.Refresh(ctx, "db/password")
	fmt.Println("down:", err != nil)
	_, err = r.Get(ctx, "db/password")
	fmt.Println("held:", err == nil)

	p.Heal()
	p.Set("db", `{"user":"app","password":"three"}`)
	password, err = r.Refresh(ctx, "db/password")
	fmt.Println(len(password.Reveal()), err)
	// Output:
	// 3 <nil>
	// down: true
	// held: true
	// 5 <nil>
}

// A backend of one's own proves itself by the conformance suite.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestConformance(t *testing.T)
		store := secretstest.NewProvider(nil) // stands for the backend
		secretstest.Run(t, secretstest.Harness{
			New:    func(testing.TB) secrets.Provider { return store },
			Put:    func(_ testing.TB, path string, data []byte) { store.Set(path, string(data)) },
			Delete: func(_ testing.TB, path string) { store.Delete(path) },
		})
	}
}
