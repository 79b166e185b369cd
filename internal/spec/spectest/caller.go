package spectest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// An Answer is what a call in the background returned, once Done is
// closed.
type Answer struct {
	Text string
	Err  error
	Done chan struct{}
}

// Ask calls get, of a context that ends after patience, in the background, and
// returns when it waits.
func Ask(patience time.Duration, get func(ctx context.Context) (secrets.Secret, error)) *Answer {
	a := &Answer{Done: make(chan struct{})}
	go func() {
		defer close(a.Done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var s secrets.Secret
		if s, a.Err = get(ctx); a.Err == nil {
			a.Text = s.Reveal()
		}
	}()
	synctest.Wait()
	return a
}

// Getting is Get of a name, for Ask.
func Getting(r *secrets.Resolver, name string) func(ctx context.Context) (secrets.Secret, error) {
	return func(ctx context.Context) (secrets.Secret, error) { return r.Get(ctx, name) }
}

// Refreshing is Refresh of a name, for Ask.
func Refreshing(r *secrets.Resolver, name string) func(ctx context.Context) (secrets.Secret, error) {
	return func(ctx context.Context) (secrets.Secret, error) { return r.Refresh(ctx, name) }
}

// FillSlots has as many cold reads of a provider under way as there may be, none of
// which ends before leave is called.
func FillSlots(t *testing.T, r *secrets.Resolver, p *secretstest.Provider) (leave func()) {
	var wg sync.WaitGroup
	var releases []func()
	for i := range 32 {
		name := fmt.Sprint("full", i)
		p.Set(name, "v")
		releases = append(releases, p.Block(name))
		wg.Go(func() { _, _ = r.Get(context.Background(), name) })
	}
	synctest.Wait()
	require.Equal(t, 32, p.Calls().InFlight)
	return func() {
		for _, release := range releases {
			release()
		}
		wg.Wait()
	}
}
