package secrets_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWhatIsKept(t *testing.T) {
	t.Run("of what is missing are those that were asked for last, whenever their reads ended", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithMaxEntries(10), secrets.WithNegativeTTL(time.Minute))
		release := p.Block("slow")
		ended := make(chan error)
		go func() {
			_, err := r.Get(t.Context(), "slow")
			ended <- err
		}()
		synctest.Wait()
		miss(t, r, "m", 63)
		release()
		require.ErrorIs(t, <-ended, secrets.ErrNotFound)
		miss(t, r, "one more", 1)
		p.ResetCalls()
		miss(t, r, "m", 63)
		assert.Zero(t, p.Calls().Reads, "they were asked for later than the one whose read ended last")
		_, err := r.Get(t.Context(), "slow")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, 1, p.Calls().Reads)
	}))

	t.Run("is an idle document for which a new name finds no room", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "a": "1", "b": "2"}, secrets.WithMaxEntries(6), secrets.WithTTL(time.Minute))
		spectest.Watch(t, r, "a")
		spectest.Watch(t, r, "b")
		spectest.Get(t, r, "db#user")
		time.Sleep(time.Hour)
		p.Fail("db", secrets.ErrUnavailable)
		assert.Equal(t, "p", spectest.Get(t, r, "db#password"))
		documents, names, _ := r.Held()
		assert.Equal(t, 6, documents+names)
		assert.Equal(t, "u", spectest.Get(t, r, "db#user"), "what was held before is held still, its backend being down")
	}))

	t.Run("is nothing of a name that is lost again before the Preload of it ends", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"b": "2"})
		r := spectest.On(t, secrets.Chain(one, two), secrets.WithTTL(time.Hour), secrets.WithNegativeTTL(time.Second))
		w := spectest.Watch(t, r, "a")
		time.Sleep(2 * time.Second)
		one.Set("a", "1")
		release := two.Block("b")
		loaded := make(chan error)
		go func() { loaded <- r.Preload(t.Context(), "a", "b") }()
		synctest.Wait()
		assert.Equal(t, []string{"<not found>", "1"}, w.All(), "the one is found, the other is waited for")
		one.Delete("a")
		_, err := r.Refresh(t.Context(), "a")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		release()
		require.NoError(t, <-loaded)
		assert.Equal(t, []string{"<not found>", "1", "<not found>"}, w.All())
		assert.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
	}))

	t.Run("fresh is nothing that is asked for less often than the idle time, however short that is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithIdle(time.Nanosecond))
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
