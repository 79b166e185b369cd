package spectest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Lend has p make a user of its own for each read of path, as Vault's database
// engine does. Each lives for ttl; refresh is when it is to be renewed, 0:
// the provider does not say.
func Lend(p *secretstest.Provider, path string, ttl, refresh time.Duration) {
	var made atomic.Int32
	p.SetFunc(path, func(context.Context) (secrets.Value, error) {
		n := made.Add(1)
		v := secrets.Value{
			Data:    fmt.Appendf(nil, `{"user":"u%d","password":"p%d"}`, n, n),
			Version: fmt.Sprintf("lease%d", n),
			Expires: time.Now().Add(ttl),
			Lease:   int(n),
		}
		if refresh > 0 {
			v.RefreshAt = time.Now().Add(refresh)
		}
		return v, nil
	})
}

// Lent returns a resolver on a provider whose document creds is leased for ten
// minutes and renewed after five.
func Lent(t testing.TB, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	r, p := Polled(t, nil, opts...)
	Lend(p, "creds", 10*time.Minute, 5*time.Minute)
	return r, p
}
