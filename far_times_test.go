package secrets_test

import (
	"encoding/json"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

const (
	never  = time.Duration(math.MaxInt64)
	before = time.Duration(math.MinInt64)
)

func year(y int) time.Time { return time.Date(y, 12, 31, 23, 59, 59, 0, time.UTC) }

func TestTimesBeyondWhatNanosecondsCount(t *testing.T) {
	t.Run("are read no more often than the TTL says", spectest.Bubble(func(t *testing.T) {
		for _, end := range []time.Time{year(2261), year(2300), year(9999), year(100_000), time.Unix(math.MaxInt64/2, 0)} {
			for what, v := range map[string]secrets.Value{
				"Expires":                          {Expires: end},
				"RefreshAt":                        {RefreshAt: end},
				"Expires and RefreshAt":            {Expires: end, RefreshAt: end},
				"Expires, of a lease":              {Expires: end, Lease: 1},
				"Expires and RefreshAt of a lease": {Expires: end, RefreshAt: end, Lease: 1},
				"Created":                          {Created: end},
			} {
				r, p := spectest.Polled(t, nil)
				v.Data = []byte("one")
				p.SetValue("db", v)
				spectest.Get(t, r, "db")
				stop := spectest.KeepUsing(t, r, "db")
				time.Sleep(time.Hour)
				stop()
				assert.Equal(t, "one", spectest.Get(t, r, "db"))
				assert.LessOrEqual(t, p.Reads("db")+p.Calls().Renewals, 16, "%s at %v", what, end)
				require.NoError(t, r.Healthy())
				require.NoError(t, r.Close())
			}
		}
	}))

	t.Run("are told as they are, and by JSON as far as it can", spectest.Bubble(func(t *testing.T) {
		for at, want := range map[time.Time]time.Time{
			year(1677): year(1677), year(1850): year(1850), time.Unix(0, 0).UTC(): time.Unix(0, 0).UTC(),
			year(2300): year(2300), year(9998): year(9998),
			year(10_000): time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), year(-5): {},
		} {
			r, p := spectest.Polled(t, nil)
			v := secrets.Value{Data: []byte("one"), Created: at}
			if at.After(time.Now()) {
				v.Expires = at
			}
			p.SetValue("db", v)
			spectest.Get(t, r, "db")
			s := spectest.StatusOf(t, r, "db")
			assert.Equal(t, want, s.Created)
			if !v.Expires.IsZero() {
				assert.Equal(t, want, s.Expires)
			}
			_, err := json.Marshal(r.Status())
			require.NoError(t, err)
		}
	}))

	t.Run("of options are as good as none", spectest.Bubble(func(t *testing.T) {
		for what, opts := range map[string][]secrets.Option{
			"TTL":         {secrets.WithTTL(never)},
			"MaxStale":    {secrets.WithMaxStale(never)},
			"both":        {secrets.WithTTL(never), secrets.WithMaxStale(never)},
			"Timeout":     {secrets.WithTimeout(never)},
			"Idle":        {secrets.WithIdle(never)},
			"NegativeTTL": {secrets.WithNegativeTTL(never)},
			"all": {
				secrets.WithTTL(never), secrets.WithMaxStale(never), secrets.WithTimeout(never), secrets.WithIdle(never), secrets.WithNegativeTTL(never),
			},
		} {
			for _, onDemand := range []bool{false, true} {
				if onDemand {
					opts = append(opts, secrets.WithOnDemand())
				}
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, opts...)
				require.NoError(t, r.Preload(t.Context(), "db"))
				_, err := r.Get(t.Context(), "none")
				require.ErrorIs(t, err, secrets.ErrNotFound)
				stop := spectest.KeepUsing(t, r, "db", "none")
				time.Sleep(time.Hour)
				stop()
				assert.Equal(t, "one", spectest.Get(t, r, "db"))
				assert.LessOrEqual(t, p.Reads("db"), 16, what)
				assert.LessOrEqual(t, p.Reads("none"), 1801, what)
				require.NoError(t, r.Healthy())
				_, err = json.Marshal(r.Status())
				require.NoError(t, err)
				require.NoError(t, r.Close())
			}
		}
	}))

	t.Run("that a backend asks to be left alone are obeyed up to a bound", spectest.Bubble(func(t *testing.T) {
		for _, after := range []time.Duration{never, before, -time.Second} {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
			p.Fail("none", secretstest.Throttled(after))
			_, err := r.Get(t.Context(), "none")
			require.ErrorIs(t, err, secrets.ErrThrottled)
			assert.LessOrEqual(t, p.Reads("none"), 40, fmt.Sprint(after))
			spectest.Get(t, r, "db")
			p.Fail("db", secretstest.Throttled(after))
			stop := spectest.KeepUsing(t, r, "db")
			time.Sleep(30 * time.Minute)
			assert.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "db").State)
			p.Heal()
			p.Set("db", "two")
			time.Sleep(62 * time.Minute)
			stop()
			assert.Equal(t, "two", spectest.Get(t, r, "db"), fmt.Sprint(after))
		}
	}))

	t.Run("of a clock that is set to them make everything due, and end nothing but what they must", spectest.Bubble(func(t *testing.T) {
		var ahead atomic.Int64 // seconds
		start := time.Now()
		p := secretstest.NewProvider(map[string]string{"db": "one"})
		r := secrets.New(p, secrets.WithLogger(nil), secrets.WithMaxStale(never), secrets.WithClock(
			func() time.Time { return time.Unix(time.Now().Unix()+ahead.Load(), 0) }, func() time.Duration { return time.Since(start) }))
		defer r.Close()
		spectest.Get(t, r, "db")
		ahead.Store(year(9990).Unix() - start.Unix())
		reads := p.Reads("db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.InDelta(t, reads+1, p.Reads("db"), 1)
	}))
}
