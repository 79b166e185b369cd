package search

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// deaf is a provider that does not look at its context: it answers what p has
// after a delay, whatever happens.
func deaf(p *secretstest.Provider, delay time.Duration) secrets.Provider {
	return spectest.Fetching(func(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
		time.Sleep(delay)
		return p.Fetch(context.Background(), ref)
	})
}

func TestSearchOfADeafProvider(t *testing.T) {
	t.Run("for several names ends once, when the first of their reads is given up", spectest.Bubble(func(t *testing.T) {
		r := spectest.On(t, deaf(spectest.NewPolled(nil), time.Minute), secrets.WithTimeout(3*time.Second))
		start := time.Now()
		err := r.Preload(t.Context(), "a", "b", "c", "d")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "no answer in time")
		assert.Less(t, time.Since(start), 4*time.Second)
		time.Sleep(2 * time.Minute) // they return at last
		require.NoError(t, r.Preload(t.Context()))
	}))

	t.Run("is over with the resolver, whenever the provider returns", spectest.Bubble(func(t *testing.T) {
		r := secrets.New(deaf(spectest.NewPolled(nil), time.Minute), secrets.WithLogger(nil), secrets.WithTimeout(20*time.Second))
		a := spectest.Ask(time.Hour, spectest.Getting(r, "db"))
		start := time.Now()
		assert.Error(t, r.Close(), "it says that a provider did not return")
		assert.Less(t, time.Since(start), 6*time.Second)
		<-a.Done
		require.ErrorIs(t, a.Err, secrets.ErrClosed)
		time.Sleep(30 * time.Second) // the read is given up
		time.Sleep(time.Minute)      // the provider returns
		_, err := r.Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrClosed)
	}))
}

// A slow context says only after a while that it can be waited for.
type slowContext struct {
	context.Context
	meanwhile func()
	once      sync.Once
}

func (c *slowContext) Done() <-chan struct{} {
	c.once.Do(c.meanwhile)
	return c.Context.Done()
}

func TestSearchThatAClosedResolverGaveUp(t *testing.T) {
	t.Run("says closed to who looks at it later", spectest.Bubble(func(t *testing.T) {
		for i := range 20 { // the order in which those who wait are served is the runtime's
			r, p := spectest.Polled(t, nil)
			release := p.Block("db")
			ctx := &slowContext{Context: t.Context(), meanwhile: func() {
				require.NoError(t, r.Close())
				synctest.Wait()
			}}
			_, err := r.Get(ctx, "db")
			require.ErrorIs(t, err, secrets.ErrClosed, fmt.Sprint(i))
			assert.NotErrorIs(t, err, secrets.ErrUnavailable)
			release()
		}
	}))
}

func TestASearchThatIsOverdueLosesNothing(t *testing.T) {
	t.Run("that another has found since", spectest.Bubble(func(t *testing.T) {
		var deleted atomic.Int32
		r, p := spectest.Polled(t, nil, secrets.WithObserver(func(_ context.Context, e secrets.Event) {
			if e.Kind == secrets.EventDeleted {
				deleted.Add(1)
			}
		}))
		release := p.Block("db")
		late := spectest.Ask(time.Minute, spectest.Getting(r, "db/password"))
		p.Set("db/password", "one")
		_, err := r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		release()
		<-late.Done
		require.NoError(t, late.Err, "the search looks at the exact document again, which has come meanwhile")
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		assert.Zero(t, deleted.Load())
	}))

	t.Run("but what has been deleted since", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(time.Minute))
		release := p.Block("db")
		late := spectest.Ask(time.Minute, spectest.Getting(r, "db/password"))
		p.Set("db/password", "one")
		_, err := r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		p.Delete("db/password")
		deleted := spectest.Ask(time.Minute, spectest.Refreshing(r, "db/password"))
		release()
		<-late.Done
		<-deleted.Done
		_, err = r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
	}))
}
