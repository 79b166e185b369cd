package secrets_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestNoTTL(t *testing.T) {
	t.Run("keeps nothing: every Get reads", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 4, p.Reads("db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
		p.Fail("db", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
	}))

	t.Run("shares the read that is under way", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		p.Delay("db", time.Second)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = r.Get(t.Context(), "db") })
		}
		wg.Wait()
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
