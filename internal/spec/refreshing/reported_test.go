package refreshing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// What went wrong in other caches of secrets.
func TestReportedOfOthers(t *testing.T) {
	// square/keywhiz-fs#78
	t.Run("a list makes nothing fresh that was not read", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"db": "one"})
		r := spectest.On(t, p, secrets.WithTTL(time.Minute))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		p.Set("db", "two")
		for range 5 {
			time.Sleep(30 * time.Second)
			for _, err := range r.List(t.Context(), "") {
				require.NoError(t, err)
			}
			_ = spectest.Get(t, r, "db")
		}
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	// openclaw/openclaw#153485
	t.Run("a failure at the start is over once the backend is back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Get(ctx, "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		p.Fail(secretstest.All, nil)
		time.Sleep(5 * time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))

	// pikkujs/pikku#964, external-secrets/external-secrets#3312
	t.Run("what somebody else has rotated is seen at the TTL, and at once by Refresh", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		p.Set("db", "two")
		s, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, "two", s.Reveal())
		p.Set("db", "three")
		time.Sleep(time.Minute + time.Second)
		assert.Equal(t, "three", spectest.Get(t, r, "db"))
	}))

	// hmchangw/newchat#16, elastic/elasticsearch#157457
	t.Run("the caller who came first may leave, and nobody else fails", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		release := p.Block("db")
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := r.Get(ctx, "db")
			first <- err
		}()
		time.Sleep(time.Millisecond)
		second := spectest.Ask(time.Minute, spectest.Getting(r, "db"))
		time.Sleep(time.Millisecond)
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		release()
		<-second.Done
		require.NoError(t, second.Err)
	}))
}
