package secrets_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestWhatIsKept(t *testing.T) {
	t.Run("of what is missing are those that were asked for last, whenever their reads ended", in(func(t *testing.T) {
		r, p := polled(t, nil, secrets.WithMaxEntries(10), secrets.WithNegativeTTL(time.Minute))
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

	t.Run("is an idle document for which a new name finds no room", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "a": "1", "b": "2"}, secrets.WithMaxEntries(6), secrets.WithTTL(time.Minute))
		watch(t, r, "a")
		watch(t, r, "b")
		value(t, r, "db#user")
		time.Sleep(time.Hour)
		p.Fail("db", secrets.ErrUnavailable)
		assert.Equal(t, "p", value(t, r, "db#password"))
		documents, names, _ := r.Held()
		assert.Equal(t, 6, documents+names)
		assert.Equal(t, "u", value(t, r, "db#user"), "what was held before is held still, its backend being down")
	}))

	t.Run("is nothing of a name that is lost again before the Preload of it ends", in(func(t *testing.T) {
		one, two := quiet(nil), quiet(map[string]string{"b": "2"})
		r := on(t, secrets.Chain(one, two), secrets.WithTTL(time.Hour), secrets.WithNegativeTTL(time.Second))
		w := watch(t, r, "a")
		time.Sleep(2 * time.Second)
		one.Set("a", "1")
		release := two.Block("b")
		loaded := make(chan error)
		go func() { loaded <- r.Preload(t.Context(), "a", "b") }()
		synctest.Wait()
		assert.Equal(t, []string{"<not found>", "1"}, w.all(), "the one is found, the other is waited for")
		one.Delete("a")
		_, err := r.Refresh(t.Context(), "a")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		release()
		require.NoError(t, <-loaded)
		assert.Equal(t, []string{"<not found>", "1", "<not found>"}, w.all())
		assert.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		assert.Equal(t, "2", value(t, r, "b"))
	}))

	t.Run("fresh is nothing that is asked for less often than the idle time, however short that is", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithIdle(time.Nanosecond))
		value(t, r, "db")
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
