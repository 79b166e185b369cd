package secrets_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestFailureOfAHeldSecret(t *testing.T) {
	failed := func(t *testing.T, class error) []secrets.EventKind {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), l.Option())
		spectest.Get(t, r, "db")
		p.Fail("db", &spectest.RetryAfterError{Err: class, After: time.Hour})
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, class)
		time.Sleep(time.Millisecond)
		return spectest.KindsOf(l.Take())
	}
	for _, class := range []error{secrets.ErrPermission, secrets.ErrInvalid, secrets.ErrUnauthenticated} {
		t.Run("is told as that: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			assert.Contains(t, failed(t, class), secrets.EventStale)
		}))
	}
	t.Run("is a deletion if the backend has it no more, and nothing else", spectest.Bubble(func(t *testing.T) {
		assert.Equal(t, []secrets.EventKind{secrets.EventDeleted}, failed(t, secrets.ErrNotFound))
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
