package observing

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
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

func TestRecovery(t *testing.T) {
	t.Run("of what had expired because nobody asked is told", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour), l.Option())
		spectest.Get(t, r, "db")
		time.Sleep(2 * time.Hour)
		require.Empty(t, l.Take(), "it was not in use")
		spectest.Get(t, r, "db")
		assert.Equal(t, []secrets.EventKind{secrets.EventRecovered}, spectest.KindsOf(l.Take()))
	}))

	t.Run("of what is expired and fails on is not told, and its expiry once", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour), l.Option())
		spectest.Watch(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrPermission)
		time.Sleep(2 * time.Hour)
		count := map[secrets.EventKind]int{}
		for _, kind := range spectest.KindsOf(l.Take()) {
			count[kind]++
		}
		assert.Equal(t, 1, count[secrets.EventExpired])
		assert.Zero(t, count[secrets.EventRecovered])
		assert.Greater(t, count[secrets.EventStale], 100)
	}))
}

func TestLoggerAndObserver(t *testing.T) {
	t.Run("a failed refresh, a rotation, a recovery and an expiry are told, once each, without the value", spectest.Bubble(func(t *testing.T) {
		c := canary.New()
		var log bytes.Buffer
		var mu sync.Mutex
		var events []secrets.Event
		r, p := spectest.Polled(t, map[string]string{"db": c},
			secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour),
			secrets.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			secrets.WithObserver(func(_ context.Context, e secrets.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Kind != secrets.EventRead {
					events = append(events, e)
				}
			}))
		kinds := func() (all []secrets.EventKind) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				all = append(all, e.Kind)
			}
			events = nil
			return all
		}
		spectest.Get(t, r, "db")
		stop := spectest.KeepUsing(t, r, "db")

		p.Fail("db", secrets.ErrPermission)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		require.NotEmpty(t, events)
		assert.Equal(t, secrets.EventStale, events[0].Kind)
		assert.Equal(t, secrets.ErrPermission, events[0].Class)
		assert.Equal(t, []string{"db"}, events[0].Names)
		assert.Equal(t, 1, events[0].Failures)
		kinds()

		p.Fail("db", nil)
		time.Sleep(time.Minute)
		assert.Equal(t, []secrets.EventKind{secrets.EventRecovered}, kinds())

		p.Set("db", c+"2")
		time.Sleep(time.Minute)
		assert.Equal(t, []secrets.EventKind{secrets.EventChanged}, kinds())

		p.Fail("db", secrets.ErrPermission)
		time.Sleep(62 * time.Minute)
		got := kinds()
		assert.Contains(t, got, secrets.EventExpired)
		stop()

		assert.Contains(t, log.String(), "permission denied")
		assert.Contains(t, log.String(), "rotated")
		assert.Contains(t, log.String(), "expired")
		form, found := canary.For(c).Text(log.String())
		assert.False(t, found, form)
	}))
	t.Run("an event of a read says how many documents, how long and of what class", spectest.Bubble(func(t *testing.T) {
		var reads []secrets.Event
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2", "c": "3"}, secrets.WithObserver(func(_ context.Context, e secrets.Event) {
			if e.Kind == secrets.EventRead {
				reads = append(reads, e)
			}
		}))
		p.Delay(secretstest.All, 20*time.Millisecond)
		require.NoError(t, r.Preload(t.Context(), "a", "b", "c"))
		synctest.Wait()
		require.Len(t, reads, 1)
		assert.Equal(t, 3, reads[0].Documents)
		assert.Equal(t, 20*time.Millisecond, reads[0].Duration)
		assert.False(t, reads[0].Refresh)
		assert.NoError(t, reads[0].Class)

		_, err := r.Get(t.Context(), "missing")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		synctest.Wait()
		require.Len(t, reads, 2)
		assert.Equal(t, secrets.ErrNotFound, reads[1].Class)
		assert.Contains(t, reads[1].Document, "missing")
	}))
}

func TestTheEventOfARead(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		var seen []secrets.Event
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2", "c": "3"}, secrets.WithObserver(func(_ context.Context, e secrets.Event) {
			if e.Kind == secrets.EventRead {
				seen = append(seen, e)
			}
		}))
		p.Fail("denied", secretstest.Denied("read"))
		p.Fail("throttled", secretstest.Throttled(time.Minute))
		time.Sleep(time.Hour)
		for _, c := range []struct {
			names []string
			class error // the first that is not "not found", if there is one
		}{
			{[]string{"a", "b"}, nil},
			{[]string{"c", "gone1"}, secrets.ErrNotFound},
			{[]string{"gone2", "denied", "gone3"}, secrets.ErrPermission},
			{[]string{"gone4", "throttled"}, secrets.ErrThrottled},
		} {
			seen = nil
			for _, name := range c.names {
				p.Delay(name, 50*time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_ = r.Preload(ctx, c.names...)
			cancel()
			synctest.Wait()
			require.NotEmpty(t, seen)
			e := seen[0]
			assert.Equal(t, 50*time.Millisecond, e.Duration)
			assert.Equal(t, len(c.names), e.Documents)
			assert.Equal(t, c.class, e.Class)
			if c.class != nil {
				assert.ErrorIs(t, e.Err, c.class)
			}
		}
	})(t)
}
