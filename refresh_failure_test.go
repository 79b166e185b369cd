package secrets_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestRefreshingAfterAFailure(t *testing.T) {
	t.Run("is one probe at a time from the first failure on", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(time.Minute))
		p.Disable(secretstest.Batch)
		names := spectest.Numbered("s", 50)
		for _, name := range names {
			p.Set(name, "v")
		}
		require.NoError(t, r.Preload(t.Context(), names...))
		p.Delay(secretstest.All, 100*time.Millisecond)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		_, first := spectest.NextReads(t, r)
		spectest.SleepUntil(first.Add(50 * time.Millisecond))
		require.Equal(t, 8, p.Calls().InFlight, "nobody knows of the outage yet")
		spectest.SleepUntil(first.Add(100 * time.Millisecond))
		p.ResetCalls()
		time.Sleep(10 * time.Second)
		assert.GreaterOrEqual(t, p.Calls().Reads, 2)
		assert.Equal(t, 1, p.Calls().MaxInFlight)
	}))

	for _, class := range []error{secrets.ErrUnavailable, secrets.ErrPermission} {
		t.Run("happens when Status says: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
			spectest.Get(t, r, "db")
			p.Fail("db", class)
			for reads := 2; reads < 10; reads++ {
				next := spectest.StatusOf(t, r, "db").NextRead
				if reads == 3 {
					assert.Less(t, time.Until(next), time.Second, "the first step of the backoff is drawn from a second")
				}
				spectest.SleepUntil(next.Add(-1))
				require.Equal(t, reads-1, p.Reads("db"))
				spectest.SleepUntil(next)
				require.Equal(t, reads, p.Reads("db"))
			}
		}))
	}
}

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

func TestANameThatIsLostWhileItsExactDocumentIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": `{"a":"1","b":"2","c":"3"}`})
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Minute)) // no batches: each document is settled when it was read
		spectest.Get(t, r, "db/a")
		spectest.Get(t, r, "db/b")
		watched := spectest.Watch(t, r, "db/c")
		spectest.KeepUsing(t, r, "db/a", "db/b")
		for p.Reads("db") < 10 {
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, p.Reads("db/b"))
		p.Delete("db")
		p.Delay("db/b", 1500*time.Millisecond) // when this is known, the others are lost already
		for p.Reads("db/b") < 2 {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		for _, name := range []string{"db/a", "db/b"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		assert.Equal(t, []string{"3", "<" + secrets.ErrNotFound.Error() + ">"}, watched.All())
		p.Set("db", `{"a":"4","b":"5","c":"6"}`)
		time.Sleep(time.Minute)
		assert.Equal(t, "4", spectest.Get(t, r, "db/a"))
		assert.Equal(t, "5", spectest.Get(t, r, "db/b"))
		assert.Equal(t, "6", spectest.Get(t, r, "db/c"))
	})
}
