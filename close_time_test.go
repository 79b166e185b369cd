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
)

func TestCloseGivesProvidersTheirTime(t *testing.T) {
	t.Run("to return from a read, three seconds and more", in(func(t *testing.T) {
		r, p := polled(t, nil)
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

	t.Run("to close, all at once", in(func(t *testing.T) {
		var closed atomic.Int32
		uri := ""
		for range 3 {
			uri += " " + scheme(t, &closing{close: func() error { time.Sleep(2 * time.Second); closed.Add(1); return nil }}) + "://"
		}
		r := open(t, uri)
		for name, err := range r.List(t.Context(), "") { // opens them all
			assert.Empty(t, name)
			assert.ErrorIs(t, err, secrets.ErrInvalid)
		}
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.EqualValues(t, 3, closed.Load())
	}))

	t.Run("to close even after others have used up theirs to revoke leases", in(func(t *testing.T) {
		stuck, p := quiet(nil), quiet(nil)
		lend(stuck, "creds", time.Hour, 0)
		r := open(t, scheme(t, stuck)+"://", secrets.WithReferences(map[string]string{"other": scheme(t, p) + "://x"}))
		p.Set("x", "1")
		value(t, r, "creds")
		value(t, r, "other")
		stuck.Block("creds")
		start := time.Now()
		require.NoError(t, r.Close())
		assert.LessOrEqual(t, time.Since(start), 5*time.Second)
		assert.Equal(t, 1, p.Calls().Closes)
		stuck.Heal()
	}))
}
