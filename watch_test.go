package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWatchWhoseReaderStops(t *testing.T) {
	t.Run("ends when its reader stops, and lets go of the name", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		for s, err := range r.Watch(t.Context(), "db") {
			require.NoError(t, err)
			assert.Equal(t, "one", s.Reveal())
			break
		}
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 6)
		for range r.Watch(t.Context(), "missing") {
			break
		}
		_, names, _ := r.Held()
		assert.Equal(t, 1, names, "a missing name is not kept either")
	}))
}
