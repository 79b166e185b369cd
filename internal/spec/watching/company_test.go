package watching

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestWatchersOfOneName(t *testing.T) {
	t.Run("go on when another of them has ended, whichever", spectest.Bubble(func(t *testing.T) {
		for ended := range 3 {
			r, p := spectest.Polled(t, map[string]string{"db": "one"})
			all := []*spectest.Watching{spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db")}
			all[ended].Cancel()
			<-all[ended].Ended
			left := append(all[:ended:ended], all[ended+1:]...)
			p.Set("db", "two")
			time.Sleep(5*time.Minute + time.Second)
			for _, w := range left {
				assert.Equal(t, []string{"one", "two"}, w.All(), "%d ended", ended)
			}

			left[0].Cancel()
			<-left[0].Ended
			time.Sleep(time.Hour) // nobody asks, and one watches
			p.Set("db", "three")
			time.Sleep(5*time.Minute + time.Second)
			assert.Equal(t, []string{"one", "two", "three"}, left[1].All(), "%d ended", ended)
			assert.Equal(t, []string{"one", "two"}, left[0].All())
			assert.Equal(t, []string{"one"}, all[ended].All())
		}
	}))
}

func TestWatchOnAResolverThatIsNoUse(t *testing.T) {
	t.Run("yields ErrClosed once it is closed, and ends", spectest.Bubble(func(t *testing.T) {
		r := secrets.New(secretstest.NewProvider(map[string]string{"db": "one"}), secrets.WithLogger(nil))
		require.NoError(t, r.Close())
		for _, name := range []string{"db", "missing"} {
			w := spectest.Watch(t, r, name)
			<-w.Ended
			assert.Equal(t, []string{"<closed>"}, w.All())
		}
	}))

	t.Run("yields ErrInvalid if its options are wrong, and ends", spectest.Bubble(func(t *testing.T) {
		r := secrets.New(secretstest.NewProvider(nil), secrets.WithTTL(-time.Second))
		w := spectest.Watch(t, r, "db")
		<-w.Ended
		assert.Equal(t, []string{"<invalid>"}, w.All())
	}))

	t.Run("says nothing of its end to one who has seen a value or an error", spectest.Bubble(func(t *testing.T) {
		r := secrets.New(secretstest.NewProvider(map[string]string{"db": "one"}), secrets.WithLogger(nil))
		var seen []string
		for _, name := range []string{"db", "missing"} {
			for s, err := range r.Watch(t.Context(), name) {
				seen = append(seen, spectest.Said(s, err))
				require.NoError(t, r.Close()) // before it looks again
			}
			r = secrets.New(secretstest.NewProvider(nil), secrets.WithLogger(nil))
		}
		require.NoError(t, r.Close())
		assert.Equal(t, []string{"one", "<not found>"}, seen)
	}))
}
