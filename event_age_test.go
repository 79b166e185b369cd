package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestAge(t *testing.T) {
	t.Run("is told by events: how long ago the held value was read", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour), l.Option())
		time.Sleep(20 * time.Minute) // a process that has run for a while
		spectest.Get(t, r, "db")
		read := time.Now()
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(61 * time.Minute)
		stale := l.First(t, secrets.EventStale)
		assert.InDelta(t, stale.Time.Sub(read), stale.Age, float64(time.Millisecond))
		assert.GreaterOrEqual(t, stale.Age, 4*time.Minute)
		assert.InDelta(t, time.Hour, l.First(t, secrets.EventExpired).Age, float64(time.Second))
		assert.ErrorContains(t, r.Healthy(), "expired, 1h1m0s old")
	}))

	t.Run("of a value that a read has confirmed starts again", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, l.Option())
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(time.Hour)
		p.Set("db", "two")
		time.Sleep(5 * time.Minute)
		assert.InDelta(t, 0, l.First(t, secrets.EventChanged).Age, float64(time.Second))
	}))
}

func TestRecovered(t *testing.T) {
	t.Run("is told of no document that was neither stale nor expired", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, l.Option())
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(time.Hour)
		require.Greater(t, p.Reads("db"), 10)
		assert.Empty(t, l.Take())
	}))

	t.Run("is told once of a document that had expired", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, l.Option(), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(2 * time.Hour)
		require.Equal(t, secrets.StateExpired, spectest.StatusOf(t, r, "db").State)
		l.Take()
		p.Heal()
		time.Sleep(time.Hour)
		events := l.Take()
		require.Len(t, events, 1)
		assert.Equal(t, secrets.EventRecovered, events[0].Kind)
	}))
}

func TestAgeOfWhatWasHeldThroughASleep(t *testing.T) {
	t.Run("has the time in it for which the machine slept, once a read has failed", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, c.option(), l.Option(), secrets.WithMaxStale(24*time.Hour))
		time.Sleep(20 * time.Minute)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(time.Minute)
		c.step(3 * time.Hour)
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 3*time.Hour+time.Minute, l.First(t, secrets.EventStale).Age, float64(10*time.Second))

		c.step(21 * time.Hour)
		time.Sleep(time.Minute)
		assert.ErrorContains(t, r.Healthy(), "expired, 24h2m")
	}))
}
