package secrets_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

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
