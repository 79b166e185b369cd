package watching

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestAWatchThatTheSystemRefuses(t *testing.T) {
	t.Run("is told by Status until one succeeds, and is asked for again after each read", spectest.Bubble(func(t *testing.T) {
		p := &unwatchable{Provider: spectest.NewPolled(map[string]string{"db": "one"}), err: fmt.Errorf("%w: no watches left", secrets.ErrUnavailable)}
		r := spectest.On(t, p)
		spectest.Get(t, r, "db")
		synctest.Wait()
		assert.Contains(t, spectest.StatusOf(t, r, "db").WatchError, "no watches left")
		assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
		assert.NoError(t, r.Healthy())
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		synctest.Wait()
		assert.EqualValues(t, 2, p.asked.Load())
		p.err = nil
		_, err = r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		synctest.Wait()
		assert.Empty(t, spectest.StatusOf(t, r, "db").WatchError)
	}))

	t.Run("is none where the provider reads by itself: it is told, asked for once, and its changes are seen", spectest.Bubble(func(t *testing.T) {
		p := newPolling("one")
		r := spectest.On(t, p)
		w := spectest.Watch(t, r, "db")
		synctest.Wait()
		assert.Contains(t, spectest.StatusOf(t, r, "db").WatchError, "looked at every 30s")
		p.change("two")
		synctest.Wait()
		assert.Equal(t, []string{"one", "two"}, w.All())
		time.Sleep(time.Hour)
		assert.EqualValues(t, 1, p.asked.Load())
		all, err := json.Marshal(r.Status())
		require.NoError(t, err)
		assert.Contains(t, string(all), `"watch_error":`)
	}))

	t.Run("says nothing of a provider that never watches", spectest.Bubble(func(t *testing.T) {
		r := spectest.On(t, &unwatchable{Provider: spectest.NewPolled(map[string]string{"db": "one"}), err: errors.ErrUnsupported})
		spectest.Get(t, r, "db")
		synctest.Wait()
		assert.Empty(t, spectest.StatusOf(t, r, "db").WatchError)
	}))

	t.Run("does no harm where its error panics", spectest.Bubble(func(t *testing.T) {
		r := spectest.On(t, &unwatchable{Provider: spectest.NewPolled(map[string]string{"db": "one"}), err: panickingPoll{}})
		spectest.Get(t, r, "db")
		synctest.Wait()
		assert.NotEmpty(t, spectest.StatusOf(t, r, "db").WatchError)
	}))
}

// polling holds one document, and has its changes told although it has no
// watch.
type polling struct {
	*secretstest.Provider
	asked  atomic.Int32
	change func(value string)
}

func newPolling(value string) *polling {
	return &polling{Provider: spectest.NewPolled(map[string]string{"db": value})}
}

func (p *polling) Watch(_ context.Context, _ secrets.Ref, changed func()) error {
	p.asked.Add(1)
	p.change = func(value string) {
		p.Set("db", value)
		changed()
	}
	return pollingError{}
}

type pollingError struct{}

func (pollingError) Error() string             { return "no watches left; looked at every 30s" }
func (pollingError) PollsEvery() time.Duration { return 30 * time.Second }

type panickingPoll struct{ pollingError }

func (panickingPoll) PollsEvery() time.Duration { panic("no") }
