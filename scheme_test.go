package secrets_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/go-secrets/secrets"
)

var schemes atomic.Int32

// newScheme returns a scheme that nobody has registered.
func newScheme(prefix string) string { return fmt.Sprint(prefix, schemes.Add(1)) }

// scheme registers a scheme whose URIs open p, and returns it.
func scheme(_ testing.TB, p secrets.Provider, documentOptions ...string) string {
	name := newScheme("test")
	secrets.Register(name, secrets.Backend{
		Open:            func(context.Context, secrets.Ref) (secrets.Provider, error) { return p, nil },
		DocumentOptions: documentOptions,
	})
	return name
}
