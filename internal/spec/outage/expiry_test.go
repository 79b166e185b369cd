package outage

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestExpiry(t *testing.T) {
	t.Run("while the read that is to replace the value hangs is told without a failure, and so is the recovery", spectest.Bubble(func(t *testing.T) {
		var told spectest.Listener
		r, p := spectest.Polled(t, nil, secrets.WithTimeout(time.Minute), told.Option())
		p.SetFunc("cert", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("pem"), Version: "1", Expires: time.Now().Add(90 * time.Second)}, nil
		})
		start := time.Now()
		spectest.Get(t, r, "cert")
		release := p.Block("cert")
		spectest.SleepUntil(start.Add(90*time.Second - time.Millisecond))
		require.Equal(t, 1, p.Calls().InFlight, "it has been due since two thirds of its life")
		assert.Equal(t, "pem", spectest.Get(t, r, "cert"))
		assert.Empty(t, told.Take())

		spectest.SleepUntil(start.Add(90*time.Second + time.Millisecond))
		seen := told.Take()
		require.Len(t, seen, 1)
		assert.Equal(t, secrets.EventExpired, seen[0].Kind)
		assert.Equal(t, "cert", seen[0].Document)
		assert.InDelta(t, 90*time.Second, seen[0].Age, float64(time.Millisecond))
		assert.NoError(t, seen[0].Err, "no read has failed")
		assert.NoError(t, seen[0].Class)
		assert.Equal(t, secrets.StateExpired, spectest.StatusOf(t, r, "cert").State)

		release()
		assert.Equal(t, "pem", spectest.Get(t, r, "cert"))
		seen = told.Take()
		require.Len(t, seen, 1)
		assert.Equal(t, secrets.EventRecovered, seen[0].Kind)
	}))

	t.Run("in an outage is told with what the last read said", spectest.Bubble(func(t *testing.T) {
		var told spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour), told.Option())
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrPermission)
		time.Sleep(59 * time.Minute)
		told.Take()
		time.Sleep(2 * time.Minute)
		var expired []secrets.Event
		for _, e := range told.Take() {
			if e.Kind == secrets.EventExpired {
				expired = append(expired, e)
			}
		}
		require.Len(t, expired, 1)
		assert.ErrorIs(t, expired[0].Err, secrets.ErrPermission)
		assert.ErrorIs(t, expired[0].Class, secrets.ErrPermission)
		assert.Positive(t, expired[0].Failures)
	}))
}

func TestEachValueIsServedUntilItExpires(t *testing.T) {
	names := spectest.Numbered("s", 120)
	t.Run("in whatever order they do", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithIdle(24*time.Hour))
		var mu sync.Mutex
		expires := make(map[string]time.Time)
		for i, name := range names {
			source := spectest.Drawn(i)
			p.SetFunc(name, func(context.Context) (secrets.Value, error) {
				mu.Lock()
				defer mu.Unlock()
				expires[name] = time.Now().Add(15*time.Minute + time.Duration(source.Int64N(int64(30*time.Minute))))
				return secrets.Value{Data: []byte("v"), Version: "1", Expires: expires[name]}, nil
			})
			spectest.Get(t, r, name)
		}
		chance := spectest.Drawn(-1)
		for range 100 { // some get another time
			time.Sleep(time.Second)
			_, err := r.Refresh(t.Context(), names[chance.IntN(len(names))])
			require.NoError(t, err)
		}
		p.Fail(secretstest.All, &spectest.RetryAfterError{Err: secrets.ErrPermission, After: time.Hour})
		synctest.Wait()
		order := slices.SortedFunc(slices.Values(names), func(a, b string) int { return expires[a].Compare(expires[b]) })
		for _, name := range order {
			// Reads that end together are told apart by a nanosecond each.
			spectest.SleepUntil(expires[name].Add(-time.Microsecond))
			assert.Equal(t, "v", spectest.Get(t, r, name))
			spectest.SleepUntil(expires[name].Add(time.Microsecond))
			_, err := r.Get(t.Context(), name)
			assert.ErrorIs(t, err, secrets.ErrPermission, "%s is served after its time", name)
		}
	}))
}

func TestAnExpiredSecretIsNotReadForEveryGet(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(10*time.Minute))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrPermission)
		time.Sleep(12 * time.Minute)
		before := p.Reads("db")
		for range 1000 {
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrPermission)
			time.Sleep(time.Millisecond)
		}
		assert.LessOrEqual(t, p.Reads("db")-before, 3)
	})(t)
}
