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
