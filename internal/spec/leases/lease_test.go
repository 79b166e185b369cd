package leases

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestLeases(t *testing.T) {
	t.Run("a hundred concurrent reads get one user", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		p.Delay("creds", 50*time.Millisecond)
		var wg sync.WaitGroup
		for i := range 100 {
			name := []string{"creds", "creds#user", "creds/password"}[i%3]
			wg.Go(func() {
				_, err := r.Get(t.Context(), name)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, p.Calls().Leases)
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, "p1", spectest.Get(t, r, "creds/password"))
	}))

	t.Run("a hundred concurrent reads get one user, also with a TTL of zero", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithTTL(0))
		p.Delay("creds", 50*time.Millisecond)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { assert.Equal(t, "u1", spectest.Get(t, r, "creds#user")) })
		}
		wg.Wait()
		assert.Equal(t, 1, p.Calls().Leases)
	}))

	t.Run("a reader that leaves early leaves no user behind that nobody holds", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		p.Delay("creds", time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := r.Get(ctx, "creds")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(2 * time.Second)
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, 1, p.Calls().Leases)
	}))

	t.Run("are renewed at RefreshAt, not by the TTL, and the value stays", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithTTL(time.Minute))
		s, err := r.Get(t.Context(), "creds")
		require.NoError(t, err)
		assert.Equal(t, time.Now().Add(10*time.Minute).Unix(), s.ExpiresAt().Unix())
		time.Sleep(4*time.Minute + 59*time.Second)
		assert.Zero(t, p.Calls().Renewals)
		time.Sleep(2 * time.Second)
		assert.Equal(t, 1, p.Calls().Renewals)
		time.Sleep(5 * time.Minute)
		assert.Equal(t, 2, p.Calls().Renewals)
		assert.Equal(t, 1, p.Reads("creds"))

		again, err := r.Get(t.Context(), "creds")
		require.NoError(t, err)
		assert.True(t, s.Equal(again))
		assert.Equal(t, s.Version(), again.Version())
		assert.True(t, again.ExpiresAt().After(s.ExpiresAt()), "it lives longer now")
	}))

	t.Run("at their end are read again, and the new value is there before the old one ends", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		old := spectest.Get(t, r, "creds#user")
		p.FailRenew(errors.ErrUnsupported)
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, "u1", old)
		assert.Equal(t, "u2", spectest.Get(t, r, "creds#user"))
		s, err := r.Get(t.Context(), "creds#user")
		require.NoError(t, err)
		before, ok := s.Previous()
		require.True(t, ok)
		assert.Equal(t, "u1", before.Reveal())
		assert.Zero(t, p.Calls().Revocations, "connections made with the old one live on")
	}))

	t.Run("that cannot be renewed keep their value until they end, and then a read is made", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		p.FailRenew(secrets.ErrUnavailable)
		p.Fail("creds", secrets.ErrUnavailable)
		time.Sleep(9*time.Minute + 59*time.Second)
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "creds").State)
		time.Sleep(2 * time.Second)
		_, err := r.Get(t.Context(), "creds#user")
		assert.ErrorIs(t, err, secrets.ErrUnavailable, "never past its end, whatever MaxStale says")
		assert.Equal(t, secrets.StateExpired, spectest.StatusOf(t, r, "creds").State)
		assert.Error(t, r.Healthy())

		p.Heal()
		time.Sleep(time.Minute)
		assert.Equal(t, "u2", spectest.Get(t, r, "creds#user"))
		assert.NoError(t, r.Healthy())
	}))

	t.Run("that fail to be renewed for a while are renewed once the backend is back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.FailRenew(secrets.ErrUnavailable)
		time.Sleep(7 * time.Minute)
		p.FailRenew(nil)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "creds").State)
		assert.Equal(t, 1, p.Calls().Leases)
	}))

	t.Run("in an outage are asked for with backoff", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.FailRenew(secrets.ErrUnavailable)
		time.Sleep(9 * time.Minute)
		assert.LessOrEqual(t, p.Calls().Renewals, 60)
		assert.GreaterOrEqual(t, p.Calls().Renewals, 5)
	}))

	t.Run("are never idle: nobody asks for a day, and the user is still there", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 1, p.Reads("creds"))
		assert.InDelta(t, 24*12, p.Calls().Renewals, 5)
		p.Block("creds")
		start := time.Now()
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, start, time.Now())
	}))

	t.Run("are never evicted", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithMaxEntries(4))
		spectest.Get(t, r, "creds")
		for i := range 50 {
			name := fmt.Sprintf("other%d", i)
			p.Set(name, "x")
			time.Sleep(time.Hour)
			spectest.Get(t, r, name)
		}
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, 1, p.Reads("creds"))
		assert.Equal(t, 1, p.Calls().Leases)
	}))

	t.Run("are kept with a TTL of zero, and renewed", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithTTL(0))
		for range 20 {
			assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
			time.Sleep(time.Minute)
		}
		assert.Equal(t, 1, p.Reads("creds"))
		assert.InDelta(t, 4, p.Calls().Renewals, 1)
	}))

	t.Run("that do not say when to renew are, in time and seldom", spectest.Bubble(func(t *testing.T) {
		for _, ttl := range []time.Duration{0, time.Minute, time.Hour} {
			r, p := spectest.Polled(t, nil, secrets.WithTTL(ttl))
			spectest.Lend(p, "creds", 10*time.Minute, 0)
			spectest.Get(t, r, "creds")
			time.Sleep(time.Hour)
			assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"), "TTL %v", ttl)
			assert.Equal(t, 1, p.Reads("creds"), "TTL %v", ttl)
			assert.LessOrEqual(t, p.Calls().Renewals, 80, "TTL %v", ttl)
			assert.GreaterOrEqual(t, p.Calls().Renewals, 6, "TTL %v", ttl)
		}
	}))

	t.Run("of a backend whose clock is behind do not spin", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.SetFunc("creds", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("u"), Lease: 1, RefreshAt: time.Now().Add(-time.Hour), Expires: time.Now().Add(time.Hour)}, nil
		})
		spectest.Get(t, r, "creds")
		time.Sleep(time.Hour)
		assert.LessOrEqual(t, p.Calls().Renewals+p.Reads("creds"), 20, "the TTL decides")
	}))

	t.Run("of a backend whose values have ended when they come are an error, and few reads", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.SetFunc("cert", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("pem"), Expires: time.Now().Add(-time.Second)}, nil
		})
		_, err := r.Get(t.Context(), "cert")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "expired")
		assert.LessOrEqual(t, p.Reads("cert"), 3)
	}))

	t.Run("that end before the TTL are read again before that", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(time.Hour))
		p.SetFunc("cert", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("pem"), Expires: time.Now().Add(10 * time.Minute)}, nil
		})
		spectest.Get(t, r, "cert")
		spectest.KeepUsing(t, r, "cert")
		time.Sleep(9 * time.Minute)
		p.Block("cert")
		start := time.Now()
		time.Sleep(2 * time.Minute)
		spectest.Get(t, r, "cert")
		assert.Equal(t, 2*time.Minute, time.Since(start), "no Get has waited")
	}))

	t.Run("on demand are looked at in Get and never renewed behind it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithOnDemand())
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		time.Sleep(8 * time.Minute)
		assert.Zero(t, p.Calls().Renewals)
		assert.Equal(t, "u2", spectest.Get(t, r, "creds#user"), "past RefreshAt, a Get has it read anew")
		synctest.Wait()
		assert.Equal(t, 2, p.Reads("creds"))
		assert.Zero(t, p.Calls().Renewals)
		time.Sleep(time.Hour)
		_, err := r.Get(t.Context(), "creds#user")
		require.NoError(t, err, "past its end a Get reads")
	}))

	t.Run("are revoked by Close, those of replaced values too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.FailRenew(errors.ErrUnsupported)
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, "u2", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, 2, p.Calls().Leases)
		require.NoError(t, r.Close())
		assert.Zero(t, p.Calls().Leases)
		assert.Equal(t, 2, p.Calls().Revocations)
	}))

	t.Run("that have ended are not revoked any more", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.FailRenew(errors.ErrUnsupported)
		time.Sleep(time.Hour)
		require.NoError(t, r.Close())
		assert.LessOrEqual(t, p.Calls().Revocations, 3)
		assert.GreaterOrEqual(t, p.Calls().Revocations, 1)
	}))

	t.Run("of a Refresh take the place of those before, and Close revokes both", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		s, err := r.Refresh(t.Context(), "creds#user")
		require.NoError(t, err)
		assert.Equal(t, "u2", s.Reveal())
		require.NoError(t, r.Close())
		assert.Zero(t, p.Calls().Leases)
	}))

	t.Run("outlive Detach", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		_, err := r.Refresh(t.Context(), "creds")
		require.NoError(t, err)
		require.NoError(t, r.Detach())
		assert.Zero(t, p.Calls().Revocations)
		assert.Equal(t, 2, p.Calls().Leases)
		_, err = r.Get(t.Context(), "creds")
		assert.ErrorIs(t, err, secrets.ErrClosed)
		time.Sleep(time.Hour)
		assert.Zero(t, p.Calls().Renewals, "its goroutines have ended")
	}))

	t.Run("that a read brings while Close waits are revoked, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.SetFunc("creds", func(context.Context) (secrets.Value, error) {
			time.Sleep(time.Second) // it does not look at its context
			return secrets.Value{Data: []byte("u"), Lease: 1, Expires: time.Now().Add(time.Hour)}, nil
		})
		go func() { _, _ = r.Get(context.Background(), "creds") }()
		synctest.Wait()
		require.NoError(t, r.Close())
		assert.Equal(t, 1, p.Calls().Revocations)
		assert.Zero(t, p.Calls().Leases)
	}))

	t.Run("whose revocation hangs keep Close for five seconds at most", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.Block("creds")
		start := time.Now()
		require.NoError(t, r.Close())
		assert.LessOrEqual(t, time.Since(start), 5*time.Second)
		p.Heal()
	}))

	t.Run("whose revocation is denied, which is normal, are no error of Close", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.Fail("creds", secrets.ErrPermission)
		require.NoError(t, r.Close())
	}))

	t.Run("of a chain are renewed and revoked at the member that gave them", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(nil)
		spectest.Lend(two, "creds", 10*time.Minute, 5*time.Minute)
		r := secrets.New(secrets.Chain(one, two), secrets.WithLogger(nil))
		spectest.Get(t, r, "creds")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, 1, two.Calls().Renewals)
		require.NoError(t, r.Close())
		assert.Equal(t, 1, two.Calls().Revocations)
		assert.Zero(t, one.Calls().Renewals+one.Calls().Revocations)
	}))

	t.Run("whose provider panics in Renew keep their value", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		p.Panic("creds", "boom")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.NotContains(t, spectest.StatusOf(t, r, "creds").LastError, "boom")
		p.Heal()
	}))
}
