package secrets_test

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
)

func TestALeaseThatCannotBeRenewedIsReplacedAtOnce(t *testing.T) {
	for _, gone := range []error{errors.ErrUnsupported, secrets.ErrNotFound, secrets.ErrInvalid} {
		t.Run(gone.Error(), in(func(t *testing.T) {
			r, p := lent(t)
			value(t, r, "creds")
			p.FailRenew(gone)
			time.Sleep(5*time.Minute + time.Second)
			assert.Equal(t, "u2", value(t, r, "creds#user"))
			assert.Equal(t, 1, p.Calls().Renewals)
		}))
	}
	t.Run("but one that may not be renewed, or not now, is kept while it lives", in(func(t *testing.T) {
		for _, refused := range []error{secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrThrottled} {
			r, p := lent(t)
			value(t, r, "creds")
			p.FailRenew(refused)
			time.Sleep(8 * time.Minute)
			assert.Equal(t, "u1", value(t, r, "creds#user"))
			assert.Equal(t, secrets.StateStale, stateOf(t, r, "creds").State)
		}
	}))
}

func TestARenewalIsAReadForAnObserver(t *testing.T) {
	in(func(t *testing.T) {
		told := make(chan secrets.Event, 10)
		r, p := lent(t, secrets.WithObserver(func(_ context.Context, e secrets.Event) { told <- e }))
		value(t, r, "creds")
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
	t.Run("of however many generations, with an end or without", in(func(t *testing.T) {
		r, p := polled(t, nil)
		n := 0
		p.SetFunc("creds", func(context.Context) (secrets.Value, error) {
			n++
			v := secrets.Value{Data: fmt.Appendf(nil, "u%d", n), Version: fmt.Sprint(n), Lease: n}
			if n%2 == 0 {
				v.Expires = time.Now().Add(time.Hour)
			}
			return v, nil
		})
		value(t, r, "creds")
		for range 4 {
			_, err := r.Refresh(t.Context(), "creds")
			require.NoError(t, err)
		}
		require.NoError(t, r.Close())
		assert.Equal(t, 5, p.Calls().Revocations)
		assert.Zero(t, p.Calls().Leases)
	}))
	t.Run("eight at a time", in(func(t *testing.T) {
		r, p := polled(t, nil)
		for i := range 20 {
			path := fmt.Sprint("creds", i)
			p.SetValue(path, secrets.Value{Data: []byte("u"), Lease: path})
			value(t, r, path)
			p.Delay(path, 100*time.Millisecond)
		}
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		assert.Equal(t, 20, p.Calls().Revocations)
	}))
}
