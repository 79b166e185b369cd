package leases

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestALeaseThatCannotBeRenewedIsReplacedAtOnce(t *testing.T) {
	for _, gone := range []error{errors.ErrUnsupported, secrets.ErrNotFound, secrets.ErrInvalid} {
		t.Run(gone.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Lent(t)
			spectest.Get(t, r, "creds")
			p.FailRenew(gone)
			time.Sleep(5*time.Minute + time.Second)
			assert.Equal(t, "u2", spectest.Get(t, r, "creds#user"))
			assert.Equal(t, 1, p.Calls().Renewals)
		}))
	}
	t.Run("but one that may not be renewed, or not now, is kept while it lives", spectest.Bubble(func(t *testing.T) {
		for _, refused := range []error{secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrThrottled} {
			r, p := spectest.Lent(t)
			spectest.Get(t, r, "creds")
			p.FailRenew(refused)
			time.Sleep(8 * time.Minute)
			assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
			assert.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "creds").State)
		}
	}))
}

func TestARenewalIsAReadForAnObserver(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		told := make(chan secrets.Event, 10)
		r, p := spectest.Lent(t, secrets.WithObserver(func(_ context.Context, e secrets.Event) { told <- e }))
		spectest.Get(t, r, "creds")
		p.Delay("creds", 50*time.Millisecond)
		synctest.Wait()
		require.Len(t, told, 1)
		<-told
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		synctest.Wait()
		require.Len(t, told, 1)
		e := <-told
		assert.Equal(t, secrets.EventRead, e.Kind)
		assert.True(t, e.Refresh, "nobody waited for it")
		assert.Equal(t, 50*time.Millisecond, e.Duration)
		assert.NoError(t, e.Err)
		assert.Equal(t, 1, e.Documents)
	})(t)
}

func TestCloseRevokesEveryLeaseThatStillLives(t *testing.T) {
	t.Run("of however many generations, with an end or without", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		n := 0
		p.SetFunc("creds", func(context.Context) (secrets.Value, error) {
			n++
			v := secrets.Value{Data: fmt.Appendf(nil, "u%d", n), Version: fmt.Sprint(n), Lease: n}
			if n%2 == 0 {
				v.Expires = time.Now().Add(time.Hour)
			}
			return v, nil
		})
		spectest.Get(t, r, "creds")
		for range 4 {
			_, err := r.Refresh(t.Context(), "creds")
			require.NoError(t, err)
		}
		require.NoError(t, r.Close())
		assert.Equal(t, 5, p.Calls().Revocations)
		assert.Zero(t, p.Calls().Leases)
	}))
	t.Run("eight at a time", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		for i := range 20 {
			path := fmt.Sprint("creds", i)
			p.SetValue(path, secrets.Value{Data: []byte("u"), Lease: path})
			spectest.Get(t, r, path)
			p.Delay(path, 100*time.Millisecond)
		}
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		assert.Equal(t, 20, p.Calls().Revocations)
	}))
}

func TestLeaseWithoutAnythingElse(t *testing.T) {
	t.Run("is a lease: never idle, and revoked by Close", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.SetValue("creds", secrets.Value{Data: []byte("u"), Version: "1", Lease: 1})
		spectest.Get(t, r, "creds")
		time.Sleep(2 * time.Hour)
		assert.Greater(t, p.Calls().Renewals, 20)
		require.NoError(t, r.Close())
		assert.Equal(t, 1, p.Calls().Revocations)
	}))
}
