package secrets_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/go-secrets/secrets"
)

var schemes atomic.Int32

// scheme registers a scheme whose URIs open p, and returns it.
func scheme(_ testing.TB, p secrets.Provider, documentOptions ...string) string {
	name := fmt.Sprintf("test%d", schemes.Add(1))
	secrets.Register(name, secrets.Backend{
		Open:            func(context.Context, secrets.Ref) (secrets.Provider, error) { return p, nil },
		DocumentOptions: documentOptions,
	})
	return name
}
