package refreshing

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// issued returns a resolver on a provider whose document cert is another value
// at each read, with what change says of it.
func issued(t testing.TB, change func(v *secrets.Value), opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	r, p := spectest.Polled(t, nil, opts...)
	n := 0
	p.SetFunc("cert", func(context.Context) (secrets.Value, error) {
		n++
		v := secrets.Value{Data: fmt.Append(nil, n), Version: fmt.Sprint(n)}
		change(&v)
		return v, nil
	})
	return r, p
}

func TestRefreshAt(t *testing.T) {
	refresh := func(after time.Duration) func(v *secrets.Value) {
		return func(v *secrets.Value) { v.RefreshAt = time.Now().Add(after) }
	}

	for _, after := range []time.Duration{0, -time.Nanosecond, -time.Hour} {
		t.Run(fmt.Sprintf("that has come when the value does, %v from then, leaves it to the TTL", after), spectest.Bubble(func(t *testing.T) {
			time.Sleep(time.Minute) // a process that has run for a while
			r, p := issued(t, refresh(after))
			spectest.Get(t, r, "cert")
			spectest.KeepUsing(t, r, "cert")
			time.Sleep(4*time.Minute - time.Second)
			assert.Equal(t, 1, p.Reads("cert"))
			time.Sleep(time.Minute + 2*time.Second)
			assert.Equal(t, 2, p.Reads("cert"))
		}))
	}

	t.Run("that is a second away or more goes before the TTL", spectest.Bubble(func(t *testing.T) {
		for _, after := range []time.Duration{time.Second, 1500 * time.Millisecond, time.Minute} {
			r, p := issued(t, refresh(after))
			spectest.Watch(t, r, "cert")
			p.ResetCalls()
			time.Sleep(10*after + after/2)
			assert.Equal(t, 10, p.Reads("cert"), "%v", after)
			assert.Equal(t, "11", spectest.Get(t, r, "cert"))
		}
	}))

	t.Run("that is sooner has a read a second, since clocks differ", spectest.Bubble(func(t *testing.T) {
		r, p := issued(t, refresh(time.Millisecond))
		spectest.Watch(t, r, "cert")
		p.ResetCalls()
		time.Sleep(10500 * time.Millisecond)
		assert.Equal(t, 10, p.Reads("cert"))
	}))
}

func TestExpires(t *testing.T) {
	t.Run("has the value read again in its second half, with a quarter of the time left for failures", spectest.Bubble(func(t *testing.T) {
		r, _ := issued(t, func(v *secrets.Value) { v.Expires = time.Now().Add(time.Hour) }, secrets.WithTTL(24*time.Hour))
		spectest.Get(t, r, "cert")
		read := time.Now()
		assert.WithinRange(t, spectest.StatusOf(t, r, "cert").NextRead, read.Add(30*time.Minute), read.Add(45*time.Minute))
	}))

	for _, ttl := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprintf("has a lease renewed in its second half, in time, with a TTL of %v", ttl), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, nil, secrets.WithTTL(ttl))
			spectest.Lend(p, "creds", 10*time.Minute, 0)
			spectest.Get(t, r, "creds")
			p.Delay("creds", time.Second)
			time.Sleep(5 * time.Minute)
			assert.Zero(t, p.Calls().Renewals)
			time.Sleep(150 * time.Second)
			assert.Equal(t, 1, p.Calls().Renewals)
		}))
	}

	t.Run("of less than two seconds lets no Get wait, since the next value is there before the end", spectest.Bubble(func(t *testing.T) {
		r, p := issued(t, func(v *secrets.Value) { v.Expires = time.Now().Add(1800 * time.Millisecond) })
		spectest.Get(t, r, "cert")
		p.Delay("cert", 100*time.Millisecond)
		start := time.Now()
		for range 200 {
			s, err := r.Get(t.Context(), "cert")
			require.NoError(t, err)
			require.True(t, s.ExpiresAt().After(time.Now()))
			time.Sleep(50 * time.Millisecond)
		}
		assert.Equal(t, 10*time.Second, time.Since(start), "no Get has waited")
		assert.LessOrEqual(t, p.Reads("cert"), 11, "a read a second at most")
	}))

	t.Run("that is not said leaves what has a default key to its TTL", spectest.Bubble(func(t *testing.T) {
		r, p := issued(t, func(v *secrets.Value) {
			v.Data, v.Default = fmt.Appendf(nil, `{"value":"%s","note":"n"}`, v.Data), "value"
		}, secrets.WithTTL(time.Minute))
		assert.Equal(t, "1", spectest.Get(t, r, "cert"))
		spectest.KeepUsing(t, r, "cert")
		time.Sleep(47 * time.Second)
		assert.Equal(t, 1, p.Reads("cert"))
		time.Sleep(14 * time.Second)
		assert.Equal(t, 2, p.Reads("cert"))
		assert.Equal(t, "2", spectest.Get(t, r, "cert"))
		assert.Equal(t, "n", spectest.Get(t, r, "cert#note"))
	}))

	t.Run("that is not said of a lease has it renewed as by the default TTL, where the TTL is zero", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(0))
		p.SetValue("creds", secrets.Value{Data: []byte("u"), Version: "1", Lease: 1})
		assert.Equal(t, "u", spectest.Get(t, r, "creds"))
		p.Delay("creds", time.Second)
		time.Sleep(time.Hour)
		assert.Equal(t, "u", spectest.Get(t, r, "creds"))
		assert.Equal(t, 1, p.Reads("creds"), "a lease is kept")
		assert.InDelta(t, 12, p.Calls().Renewals, 1, "every five minutes")
	}))
}

func TestValueThatEndsAsItComes(t *testing.T) {
	for what, end := range map[string]time.Duration{"now": 0, "a moment ago": -time.Nanosecond, "long before the program began": -10 * 365 * 24 * time.Hour} {
		t.Run("is refused: "+what, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, nil)
			p.SetFunc("cert", func(context.Context) (secrets.Value, error) {
				return secrets.Value{Data: []byte("pem"), Expires: time.Now().Add(end)}, nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := r.Get(ctx, "cert")
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, "expired")
			assert.LessOrEqual(t, p.Reads("cert"), 3)
		}))
	}
}

// What is written for "never" is farther away than a clock can say.
func TestAnEndThatNeverComes(t *testing.T) {
	t.Run("is one of a value, as certificates without an end have it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		never := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		p.SetValue("db", secrets.Value{Data: []byte("one"), Version: "1", Expires: never, RefreshAt: never})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, never, s.ExpiresAt().UTC())
	}))

	t.Run("is one of a read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTimeout(math.MaxInt64))
		p.Delay("db", time.Hour)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))

	t.Run("is one of what is remembered as missing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithNegativeTTL(math.MaxInt64))
		for range 5 {
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrNotFound)
			time.Sleep(time.Hour)
		}
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("is one of what is held", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(math.MaxInt64), secrets.WithMaxStale(math.MaxInt64))
		spectest.Get(t, r, "db")
		p.Set("db", "two")
		time.Sleep(48 * time.Hour)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))
}
