package spectest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Bubble runs a test in a bubble of fake time.
func Bubble(f func(t *testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// Polled returns a provider in memory that does not tell of changes by itself,
// as most backends do not, and a resolver on it that ends with the test.
func Polled(t testing.TB, docs map[string]string, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	p := NewPolled(docs)
	return On(t, p, opts...), p
}

// Pushed returns a resolver on a provider in memory that tells of changes.
func Pushed(t testing.TB, docs map[string]string, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	p := secretstest.NewProvider(docs)
	return On(t, p, opts...), p
}

// On returns a resolver on p that ends with the test.
func On(t testing.TB, p secrets.Provider, opts ...secrets.Option) *secrets.Resolver {
	r := secrets.New(p, append([]secrets.Option{secrets.WithLogger(nil)}, opts...)...)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// Open returns a resolver on the backends of a URI that ends with the test.
func Open(t testing.TB, uri string, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(t.Context(), uri, append([]secrets.Option{secrets.WithLogger(nil)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// Get returns the text of a secret that must be there.
func Get(t testing.TB, r *secrets.Resolver, name string) string {
	t.Helper()
	s, err := r.Get(t.Context(), name)
	require.NoError(t, err)
	return s.Reveal()
}

// KeepUsing asks for the names once a second until the test ends or stop is
// called.
func KeepUsing(t testing.TB, r *secrets.Resolver, names ...string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			for _, name := range names {
				_, _ = r.Get(ctx, name)
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// SleepUntil sleeps, and then waits for what happens at that time.
func SleepUntil(at time.Time) {
	time.Sleep(time.Until(at))
	synctest.Wait()
}

// Rarely keeps the refresher from reading while a test counts reads.
func Rarely() secrets.Option { return secrets.WithTTL(20 * time.Hour) }
