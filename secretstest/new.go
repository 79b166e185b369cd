package secretstest

import (
	"context"
	"os"
	"testing"

	"github.com/go-secrets/secrets"
)

// New returns a resolver on a [Provider] that holds docs by name, and the
// provider. Both last until t ends: faults are healed and the resolver is
// closed then. Any number of tests may do this in parallel.
//
//	r, p := secretstest.New(t, map[string]string{"db": `{"user":"app","password":"one"}`})
func New(t testing.TB, docs map[string]string, opts ...secrets.Option) (*secrets.Resolver, *Provider) {
	t.Helper()
	p := NewProvider(docs)
	r := secrets.New(p, opts...)
	t.Cleanup(func() {
		p.Heal()
		if err := r.Close(); err != nil {
			t.Logf("secretstest: closing the resolver: %v", err)
		}
	})
	return r, p
}

// Context returns a context in which [secrets.Get], [secrets.Load],
// [secrets.Preload] and [secrets.Watch] find docs by name. It ends when t
// does. It is the first choice for a program that hands its context down:
// tests that use it may run in parallel.
//
//	ctx := secretstest.Context(t, map[string]string{"db/password": "one"})
//	err := run(ctx)
func Context(t testing.TB, docs map[string]string) context.Context {
	t.Helper()
	r, _ := New(t, docs)
	return secrets.NewContext(t.Context(), r)
}

// Set makes a resolver on docs the default one until t ends, when the one
// before is the default again, and returns the provider, by which the secrets
// change. The default belongs to the process: in a parallel test, or one with
// a parallel parent, Set panics, as t.Setenv does.
func Set(t testing.TB, docs map[string]string) *Provider {
	t.Helper()
	before := current(t)
	r, p := New(t, docs)
	secrets.SetDefault(r)
	t.Cleanup(func() { secrets.SetDefault(before) })
	return p
}

// current returns the default resolver, or nil if there is none yet: it must
// not be opened here, or it would stay open on what the environment is now.
// Under an address that nothing can open, Default returns one that is there,
// or fails and changes nothing.
func current(t testing.TB) *secrets.Resolver {
	t.Helper()
	const variable = "SECRETS_URL"
	url, set := os.LookupEnv(variable)
	t.Setenv(variable, "none-in-tests://") // restores it when t ends, and panics if t is parallel
	r, err := secrets.Default()
	if set {
		err2 := os.Setenv(variable, url)
		if err2 != nil {
			t.Fatalf("secretstest: restoring %s: %v", variable, err2)
		}
	} else if err2 := os.Unsetenv(variable); err2 != nil {
		t.Fatalf("secretstest: restoring %s: %v", variable, err2)
	}
	if err != nil {
		return nil
	}
	return r
}

// Value returns a secret that holds value, with no name and no version, for
// tests of what takes a [secrets.Secret].
func Value(value string) secrets.Secret {
	var s secrets.Secret
	if err := s.UnmarshalText([]byte(value)); err != nil {
		panic("secretstest: Value: " + err.Error())
	}
	return s
}

// AssertEqual fails t unless got holds exactly want, and reports whether it
// does. It is for those who assert with testify, whose Equal compares no
// Secret and whose diffs print what they compare. The failure tells the name,
// the version and whether the lengths differ, and neither value.
//
//	secretstest.AssertEqual(t, "two", got)
func AssertEqual(t interface{ Errorf(string, ...any) }, want string, got secrets.Secret) bool {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	if !got.IsZero() && got.Equal(Value(want)) {
		return true
	}
	what := "the lengths differ"
	switch {
	case got.IsZero():
		what = "it is the zero Secret"
	case len(got.Reveal()) == len(want):
		what = "the lengths are equal, the bytes are not"
	}
	t.Errorf("secret %q (version %q) is not the one expected: %s", got.Name(), got.Version(), what)
	return false
}
