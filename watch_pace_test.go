package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestAWatchOnDemandLooksAtNoClock(t *testing.T) {
	t.Run("until the next read is due", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), l.option())
		spectest.Watch(t, r, "db")
		time.Sleep(time.Minute)
		assert.Zero(t, l.during(func() { time.Sleep(2 * time.Minute) }))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("as long when its version was rejected", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), l.option())
		spectest.Watch(t, r, "db")
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s) // the backend has nothing newer
		time.Sleep(6 * time.Minute)
		require.NotZero(t, spectest.StatusOf(t, r, "db").RejectedAt)
		assert.Zero(t, l.during(func() { time.Sleep(90 * time.Second) }))
	}))
}
