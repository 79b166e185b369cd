package secrets_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestReadThatIsGivenUp(t *testing.T) {
	const timeout = 3 * time.Second
	t.Run("ends a Get although the provider is deaf to its context, which then settles nothing", spectest.Bubble(func(t *testing.T) {
		release := make(chan struct{})
		r := secrets.New(spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
			<-release
			return secrets.Value{Data: []byte("late")}, nil
		}), secrets.WithLogger(nil), secrets.WithTimeout(timeout))
		defer r.Close()
		start := time.Now()
		_, err := r.Get(t.Context(), "db")
		assert.Less(t, time.Since(start), timeout+time.Second/3)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		require.NotErrorIs(t, err, secrets.ErrThrottled)
		assert.ErrorContains(t, err, "no answer in time")
		close(release)
		synctest.Wait()
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names, "what came too late is not held")
	}))
}
