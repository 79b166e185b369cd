package closing

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestOpenerThatNeverReturns(t *testing.T) {
	t.Run("holds up neither a Preload of several names nor the next one", spectest.Bubble(func(t *testing.T) {
		stuck := make(chan struct{})
		_, name := spectest.Opener(t, func() (secrets.Provider, error) { <-stuck; return nil, errors.New("stuck") })
		r, err := secrets.Open(t.Context(), name+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		for range 2 {
			start := time.Now()
			assert.ErrorIs(t, r.Preload(t.Context(), "a", "b"), secrets.ErrUnavailable)
			assert.Less(t, time.Since(start), 11*time.Second)
			time.Sleep(time.Minute)
		}
		close(stuck)
		require.NoError(t, r.Close())
	}))
}

func TestCloseGivesProvidersTheirTime(t *testing.T) {
	t.Run("to return from a read, three seconds and more", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.SetFunc("creds", func(context.Context) (secrets.Value, error) {
			time.Sleep(3500 * time.Millisecond) // it does not look at its context
			return secrets.Value{Data: []byte("u"), Lease: 1}, nil
		})
		go func() { _, _ = r.Get(context.Background(), "creds") }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Equal(t, 3500*time.Millisecond, time.Since(start))
		assert.Equal(t, 1, p.Calls().Revocations, "what it brought")
	}))

	t.Run("to close, all at once", spectest.Bubble(func(t *testing.T) {
		var closed atomic.Int32
		uri := ""
		for range 3 {
			uri += " " + spectest.Scheme(t, &closing{close: func() error { time.Sleep(2 * time.Second); closed.Add(1); return nil }}) + "://"
		}
		r := spectest.Open(t, uri)
		for name, err := range r.List(t.Context(), "") { // opens them all
			assert.Empty(t, name)
			assert.ErrorIs(t, err, secrets.ErrInvalid)
		}
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.EqualValues(t, 3, closed.Load())
	}))

	t.Run("to close even after others have used up theirs to revoke leases", spectest.Bubble(func(t *testing.T) {
		stuck, p := spectest.NewPolled(nil), spectest.NewPolled(nil)
		spectest.Lend(stuck, "creds", time.Hour, 0)
		r := spectest.Open(t, spectest.Scheme(t, stuck)+"://", secrets.WithReferences(map[string]string{"other": spectest.Scheme(t, p) + "://x"}))
		p.Set("x", "1")
		spectest.Get(t, r, "creds")
		spectest.Get(t, r, "other")
		stuck.Block("creds")
		start := time.Now()
		require.NoError(t, r.Close())
		assert.LessOrEqual(t, time.Since(start), 5*time.Second)
		assert.Equal(t, 1, p.Calls().Closes)
		stuck.Heal()
	}))
}

func TestListWhoseProviderIsOpenedTooLateForCloseIsClosed(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": "one"})
		_, name := spectest.Opener(t, func() (secrets.Provider, error) {
			time.Sleep(time.Second)
			return p, nil
		})
		r := spectest.Open(t, name+"://")
		said := make(chan error)
		go func() {
			_, err := spectest.Listed(r.List(context.WithoutCancel(t.Context()), ""))
			said <- err
		}()
		synctest.Wait()
		require.NoError(t, r.Close())
		assert.ErrorIs(t, <-said, secrets.ErrClosed)
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().Closes)
	})(t)
}
