package secrets_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A listener keeps the events that a resolver tells, but for reads.
type listener struct {
	mu     sync.Mutex
	events []secrets.Event
}

func (l *listener) option() secrets.Option {
	return secrets.WithObserver(func(_ context.Context, e secrets.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if e.Kind != secrets.EventRead {
			l.events = append(l.events, e)
		}
	})
}

// take returns the events so far, and forgets them.
func (l *listener) take() []secrets.Event {
	synctest.Wait() // until they are told
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// first returns the first event of a kind, and leaves all where they are.
func (l *listener) first(t testing.TB, kind secrets.EventKind) secrets.Event {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			return e
		}
	}
	require.Fail(t, "no such event", string(kind))
	return secrets.Event{}
}

func TestAge(t *testing.T) {
	t.Run("is told by events: how long ago the held value was read", in(func(t *testing.T) {
		var l listener
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour), l.option())
		time.Sleep(20 * time.Minute) // a process that has run for a while
		value(t, r, "db")
		read := time.Now()
		keepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(61 * time.Minute)
		stale := l.first(t, secrets.EventStale)
		assert.InDelta(t, stale.Time.Sub(read), stale.Age, float64(time.Millisecond))
		assert.GreaterOrEqual(t, stale.Age, 4*time.Minute)
		assert.InDelta(t, time.Hour, l.first(t, secrets.EventExpired).Age, float64(time.Second))
		assert.ErrorContains(t, r.Healthy(), "expired, 1h1m0s old")
	}))

	t.Run("of a value that a read has confirmed starts again", in(func(t *testing.T) {
		var l listener
		r, p := polled(t, map[string]string{"db": "one"}, l.option())
		value(t, r, "db")
		keepUsing(t, r, "db")
		time.Sleep(time.Hour)
		p.Set("db", "two")
		time.Sleep(5 * time.Minute)
		assert.InDelta(t, 0, l.first(t, secrets.EventChanged).Age, float64(time.Second))
	}))
}

func TestRecovered(t *testing.T) {
	t.Run("is told of no document that was neither stale nor expired", in(func(t *testing.T) {
		var l listener
		r, p := polled(t, map[string]string{"db": "one"}, l.option())
		value(t, r, "db")
		keepUsing(t, r, "db")
		time.Sleep(time.Hour)
		require.Greater(t, p.Reads("db"), 10)
		assert.Empty(t, l.take())
	}))

	t.Run("is told once of a document that had expired", in(func(t *testing.T) {
		var l listener
		r, p := polled(t, map[string]string{"db": "one"}, l.option(), secrets.WithMaxStale(time.Hour))
		value(t, r, "db")
		keepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(2 * time.Hour)
		require.Equal(t, secrets.StateExpired, stateOf(t, r, "db").State)
		l.take()
		p.Heal()
		time.Sleep(time.Hour)
		events := l.take()
		require.Len(t, events, 1)
		assert.Equal(t, secrets.EventRecovered, events[0].Kind)
	}))
}

func TestAgeOfWhatWasHeldThroughASleep(t *testing.T) {
	t.Run("has the time in it for which the machine slept, once a read has failed", in(func(t *testing.T) {
		var l listener
		c := newSteps()
		r, p := polled(t, map[string]string{"db": "one"}, c.option(), l.option(), secrets.WithMaxStale(24*time.Hour))
		time.Sleep(20 * time.Minute)
		value(t, r, "db")
		keepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(time.Minute)
		c.step(3 * time.Hour)
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 3*time.Hour+time.Minute, l.first(t, secrets.EventStale).Age, float64(10*time.Second))

		c.step(21 * time.Hour)
		time.Sleep(time.Minute)
		assert.ErrorContains(t, r.Healthy(), "expired, 24h2m")
	}))
}
