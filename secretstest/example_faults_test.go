package secretstest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// A resolver with the provider behind it, for a program that takes one.
func ExampleNew() {
	_ = func(t *testing.T) { // func TestRotation(t *testing.T)
		r, p := secretstest.New(t, map[string]string{"db/password": "one"}, secrets.WithTTL(time.Minute))
		if _, err := r.Get(t.Context(), "db/password"); err != nil {
			t.Fatal(err)
		}
		p.Set("db/password", "two")
		got, err := r.Refresh(t.Context(), "db/password") // Get follows within moments
		if err != nil {
			t.Fatal(err)
		}
		secretstest.AssertEqual(t, "two", got) // compares, and prints no value
	}
}

// For code that hands no context down, the default resolver is the test's.
// Such a test cannot be parallel.
func ExampleSet() {
	_ = func(t *testing.T) { // func TestGreet(t *testing.T)
		p := secretstest.Set(t, map[string]string{"greeting/name": "Ada"})
		if _, err := greet(context.Background()); err != nil {
			t.Error(err)
		}
		p.Delete("greeting/name")
	}
}

// What takes a Secret is tested with one out of nothing.
func ExampleValue() {
	s := secretstest.Value("correct horse")
	fmt.Println(s, len(s.Reveal()))
	// Output:
	// [REDACTED] 13
}

// Failures of every class, for a path or for all of them.
func ExampleProvider_Fail() {
	ctx := context.Background()
	p := secretstest.NewProvider(map[string]string{"a": "1", "b": "2"})
	read := func(path string) error {
		_, err := p.Fetch(ctx, secrets.Ref{Path: path})
		return err
	}

	p.Fail("a", secretstest.Denied("secretsmanager:GetSecretValue"))
	var missing interface{ Permission() string }
	fmt.Println(errors.As(read("a"), &missing), missing.Permission(), read("b"))

	p.Heal()
	p.FailTimes(secretstest.All, 1, secretstest.Throttled(time.Second))
	fmt.Println(errors.Is(read("b"), secrets.ErrThrottled), read("b"))

	p.Fail("no?name", secretstest.Unspellable()) // a name that the backend cannot hold
	fmt.Println(errors.Is(read("no?name"), secrets.ErrInvalid))

	p.Delay("a", time.Millisecond) // slow; Block hangs, until its release is called
	release := p.Block("b")
	release()
	fmt.Println(read("a"), read("b"), p.Calls().Fetches)
	// Output:
	// true secretsmanager:GetSecretValue <nil>
	// true <nil>
	// true
	// <nil> <nil> 7
}

// A capability that is off makes the provider one that does not have it.
func ExampleProvider_Disable() {
	p := secretstest.NewProvider(map[string]string{"a": "1"})
	p.Disable(secretstest.Watch | secretstest.Batch)
	results := p.FetchBatch(context.Background(), []secrets.Ref{{Path: "a"}})
	fmt.Println(errors.Is(results[0].Err, errors.ErrUnsupported))
	// Output:
	// true
}

// Values with an end or a lease.
func ExampleProvider_SetValue() {
	p := secretstest.NewProvider(nil)
	p.SetValue("db", secrets.Value{Data: []byte(`{"user":"app-1"}`), Version: "1", Expires: time.Now().Add(time.Hour), Lease: "lease-1"})
	r := secrets.New(p)
	_, _ = r.Get(context.Background(), "db")
	fmt.Println("leases:", p.Calls().Leases)
	_ = r.Close()
	fmt.Println("leases:", p.Calls().Leases)
	// Output:
	// leases: 1
	// leases: 0
}

// What a test of a resolver, or of a backend's consumer, asks of a provider.
func ExampleProvider_Calls() {
	ctx := context.Background()
	p := secretstest.NewProvider(map[string]string{"a": "1"})
	p.Disable(secretstest.Watch)
	r := secrets.New(p, secrets.WithLogger(nil))
	defer r.Close()

	_, _ = r.Get(ctx, "a")
	_, _ = r.Get(ctx, "a") // held
	fmt.Println("reads of a:", p.Reads("a"))
	p.ResetCalls()

	p.Panic("a", "out of order") // the resolver makes an error of it, without the panic's value
	_, err := r.Refresh(ctx, "a")
	fmt.Println(errors.Is(err, secrets.ErrUnavailable), p.Calls().Reads > 0)
	p.Heal()

	p.SetFunc("user", func(context.Context) (secrets.Value, error) { // another user for each read
		return secrets.Value{Data: []byte(fmt.Sprintf("app-%d", p.Reads("user")))}, nil
	})
	user, err := r.Get(ctx, "user")
	fmt.Println(user.Reveal(), err)

	p.Enable(secretstest.Watch)
	p.Changed("a")                         // watchers read again, although nothing has changed
	p.FailRenew(errors.ErrUnsupported)     // what a lease at the end of its life answers
	_, err = p.Renew(ctx, secrets.Value{}) // and what a resolver takes for "read again"
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// reads of a: 1
	// true true
	// app-1 <nil>
	// true
}
