package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWatchersOfAMissingName(t *testing.T) {
	t.Run("keep a missing name until the last of them has ended", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		first, last := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db")
		first.Cancel()
		<-first.Ended
		_, names, _ := r.Held()
		assert.Equal(t, 1, names)
		require.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		last.Cancel()
		<-last.Ended
		_, names, _ = r.Held()
		assert.Zero(t, names)
		require.NoError(t, r.Healthy())
	}))
}
