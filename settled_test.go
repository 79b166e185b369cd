package secrets_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// kindsOf returns the kinds of events.
func kindsOf(events []secrets.Event) (kinds []secrets.EventKind) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestRecovery(t *testing.T) {
	t.Run("of what had expired because nobody asked is told", in(func(t *testing.T) {
		var l listener
		r, _ := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour), l.option())
		value(t, r, "db")
		time.Sleep(2 * time.Hour)
		require.Empty(t, l.take(), "it was not in use")
		value(t, r, "db")
		assert.Equal(t, []secrets.EventKind{secrets.EventRecovered}, kindsOf(l.take()))
	}))

	t.Run("of what is expired and fails on is not told, and its expiry once", in(func(t *testing.T) {
		var l listener
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour), l.option())
		watch(t, r, "db")
		keepUsing(t, r, "db")
		p.Fail("db", secrets.ErrPermission)
		time.Sleep(2 * time.Hour)
		count := map[secrets.EventKind]int{}
		for _, kind := range kindsOf(l.take()) {
			count[kind]++
		}
		assert.Equal(t, 1, count[secrets.EventExpired])
		assert.Zero(t, count[secrets.EventRecovered])
		assert.Greater(t, count[secrets.EventStale], 100)
	}))
}

func TestFailureOfAHeldSecret(t *testing.T) {
	failed := func(t *testing.T, class error) []secrets.EventKind {
		var l listener
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), l.option())
		value(t, r, "db")
		p.Fail("db", &secretsRetryAfter{err: class, after: time.Hour})
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, class)
		time.Sleep(time.Millisecond)
		return kindsOf(l.take())
	}
	for _, class := range []error{secrets.ErrPermission, secrets.ErrInvalid, secrets.ErrUnauthenticated} {
		t.Run("is told as that: "+class.Error(), in(func(t *testing.T) {
			assert.Contains(t, failed(t, class), secrets.EventStale)
		}))
	}
	t.Run("is a deletion if the backend has it no more, and nothing else", in(func(t *testing.T) {
		assert.Equal(t, []secrets.EventKind{secrets.EventDeleted}, failed(t, secrets.ErrNotFound))
	}))
}

func TestValueThatEndsAsItComes(t *testing.T) {
	for what, end := range map[string]time.Duration{"now": 0, "a moment ago": -time.Nanosecond, "long before the program began": -10 * 365 * 24 * time.Hour} {
		t.Run("is refused: "+what, in(func(t *testing.T) {
			r, p := polled(t, nil)
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

func TestRetryThatWaits(t *testing.T) {
	t.Run("goes on as soon as anybody has read another version", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		db := newDatabase("two")
		value(t, r, "db")
		done := make(chan time.Time)
		go func() {
			assert.NoError(t, r.Retry(t.Context(), "db", isWrongPassword, db.login))
			done <- time.Now()
		}()
		for p.Reads("db") < 5 { // its own next read is more than a second away by then
			time.Sleep(time.Millisecond)
		}
		p.Set("db", "two")
		start := time.Now()
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, start, <-done)
	}))
}
