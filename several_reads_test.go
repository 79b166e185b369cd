package secrets_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestPreloadThatItsCallerLeaves(t *testing.T) {
	t.Run("that its caller leaves reads on what it is reading, and nothing more", spectest.Bubble(func(t *testing.T) {
		names, docs := spectest.Many(100)
		p := spectest.NewPolled(docs)
		release := p.Block(secretstest.All)
		defer release()
		r := spectest.On(t, spectest.Singly(p))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Preload(ctx, names...), context.DeadlineExceeded)
		synctest.Wait()
		release()
		synctest.Wait()
		assert.Equal(t, 32, p.Calls().Reads)
		documents, _, _ := r.Held()
		assert.Equal(t, 32, documents, "what was being read is held")
		require.NoError(t, r.Preload(t.Context(), names...), "what was given up is not remembered as a failure")
		assert.Equal(t, 100, p.Calls().Reads)
	}))
}
