package secrets_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

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
