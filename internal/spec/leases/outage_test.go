package leases

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestThrottledRenewalKeepsTheRefreshesOfItsProviderAway(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		p.Set("db", "one")
		spectest.Get(t, r, "creds")
		time.Sleep(90 * time.Second)
		spectest.Get(t, r, "db") // to be refreshed between 5:30 and 6:30
		spectest.KeepUsing(t, r, "db")
		p.FailRenew(secretstest.Throttled(2 * time.Minute)) // at 5:00
		time.Sleep(5*time.Minute + 29*time.Second)
		require.Equal(t, 1, p.Calls().Renewals)
		p.FailRenew(nil)
		assert.Equal(t, 1, p.Reads("db"), "at 6:59")
		time.Sleep(2 * time.Second)
		assert.Equal(t, 2, p.Calls().Renewals, "at 7:01")
		assert.Equal(t, 2, p.Reads("db"))
	})(t)
}

func TestLeaseWhoseOnlyNameIsGoneIsStillInUse(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		made := 0
		p.SetFunc("creds", func(context.Context) (secrets.Value, error) {
			made++
			data := fmt.Sprintf(`{"password":"p%d"}`, made)
			if made == 1 {
				data = `{"password":"p1","user":"u1"}`
			}
			return secrets.Value{
				Data: []byte(data), Version: fmt.Sprint(made), Lease: made,
				RefreshAt: time.Now().Add(5 * time.Minute), Expires: time.Now().Add(10 * time.Minute),
			}, nil
		})
		require.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		p.FailRenew(errors.ErrUnsupported) // so that it is read again
		time.Sleep(5*time.Minute + time.Second)
		p.FailRenew(nil)
		_, err := r.Get(t.Context(), "creds#user")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		require.Equal(t, 2, made)

		time.Sleep(time.Hour)
		assert.Equal(t, "p2", spectest.Get(t, r, "creds#password"))
		assert.Equal(t, 2, made, "no third user")
		assert.InDelta(t, 13, p.Calls().Renewals, 1)
		require.NoError(t, r.Close())
		assert.Zero(t, p.Calls().Leases)
	})(t)
}
