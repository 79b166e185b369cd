package secrets_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Every setting has a default, so a program sets what it has a reason for.
func ExampleOption() {
	provider := secretstest.NewProvider(map[string]string{"api-key": "k1"})
	r := secrets.New(provider,
		secrets.WithTTL(time.Minute),            // read again at this age; 0: every Get reads
		secrets.WithMaxStale(6*time.Hour),       // served for so long while the backend fails
		secrets.WithTimeout(5*time.Second),      // of one read, its retries included
		secrets.WithIdle(time.Hour),             // not refreshed once nobody has asked for so long
		secrets.WithNegativeTTL(10*time.Second), // a missing name is remembered
		secrets.WithMaxEntries(10_000),          // documents and names that are held
	)
	defer r.Close()

	key, err := r.Get(context.Background(), "api-key")
	fmt.Println(key.Reveal(), err)

	bad := secrets.New(provider, secrets.WithTimeout(-time.Second))
	_, err = bad.Get(context.Background(), "api-key")
	fmt.Println(err)
	// Output:
	// k1 <nil>
	// secrets: option WithTimeout: invalid: the duration must be positive
}

// A name may live elsewhere than the others.
func ExampleWithReferences() {
	dir, remove := mount(map[string]string{"stripe": `{"key":"sk_live_1"}`, "old/smtp": "hunter2"})
	defer remove()

	r := secrets.New(secretstest.NewProvider(map[string]string{"db/password": "correct horse"}),
		secrets.WithReferences(map[string]string{
			"stripe/key": "file://" + dir + "/stripe#key",
			"legacy/":    "file://" + dir + "/old", // every name below legacy/
		}))
	defer r.Close()

	for _, name := range []string{"db/password", "stripe/key", "legacy/smtp"} {
		s, err := r.Get(context.Background(), name)
		fmt.Println(s.Reveal(), err)
	}
	// Output:
	// correct horse <nil>
	// sk_live_1 <nil>
	// hunter2 <nil>
}

// Short programs, and sandboxes that freeze between requests, do without
// goroutines: Get refreshes.
func ExampleWithOnDemand() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"api-key": "k1"}), secrets.WithOnDemand())
	defer r.Close()

	key, err := r.Get(context.Background(), "api-key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// k1 <nil>
}

// An observer is told of every call of a backend and of every change of state,
// for metrics and audits. Package secretsotel has one for OpenTelemetry.
func ExampleWithObserver() {
	provider := secretstest.NewProvider(map[string]string{"api-key": "one"})
	provider.Disable(secretstest.Watch)
	r := secrets.New(provider, secrets.WithLogger(nil), secrets.WithObserver(func(_ context.Context, e secrets.Event) {
		switch e.Kind {
		case secrets.EventRead:
			fmt.Println("read", e.Documents, "document, class", e.Class)
		case secrets.EventChanged:
			fmt.Println("rotated:", e.Names, "has version", e.Version)
		}
	}))
	defer r.Close()
	ctx := context.Background()

	_, _ = r.Get(ctx, "api-key")
	provider.Set("api-key", "two")
	_, _ = r.Refresh(ctx, "api-key")
	// Output:
	// read 1 document, class <nil>
	// read 1 document, class <nil>
	// rotated: [api-key] has version v2
}

// Rotations, failures and recoveries are logged with names and versions, and
// without values.
func ExampleWithLogger() {
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: plain}))

	provider := secretstest.NewProvider(map[string]string{"api-key": "one"})
	provider.Disable(secretstest.Watch)
	r := secrets.New(provider, secrets.WithLogger(log))
	defer r.Close()
	ctx := context.Background()

	_, _ = r.Get(ctx, "api-key")
	provider.Set("api-key", "two")
	_, _ = r.Refresh(ctx, "api-key")
	// Output:
	// level=INFO msg="secret rotated" document=api-key names=[api-key] version=v2
}
