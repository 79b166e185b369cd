package secrets_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
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

func TestWhatIsHeldOfAValueThatRefersElsewhere(t *testing.T) {
	t.Run("and not held where nothing is kept", spectest.Bubble(func(t *testing.T) {
		r, _, _, _ := spectest.Led(t, secrets.WithTTL(0))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
	}))

	t.Run("and goes with its name when there is no room", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t, secrets.WithMaxEntries(20))
		spectest.Get(t, r, "db")
		spectest.AskOthers(t, r, values, time.Hour)
		for _, s := range r.Status() {
			assert.False(t, strings.HasSuffix(s.Document, "://db"), s.Document)
		}
		values.Set("db", to("y"))
		assert.Equal(t, "two", spectest.Get(t, r, "db"), "it is searched for anew")
		documents, names, _ := r.Held()
		assert.LessOrEqual(t, documents+names, 20)
	}))
}

func TestWatchWhoseReaderStops(t *testing.T) {
	t.Run("ends when its reader stops, and lets go of the name", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		for s, err := range r.Watch(t.Context(), "db") {
			require.NoError(t, err)
			assert.Equal(t, "one", s.Reveal())
			break
		}
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 6)
		for range r.Watch(t.Context(), "missing") {
			break
		}
		_, names, _ := r.Held()
		assert.Equal(t, 1, names, "a missing name is not kept either")
	}))
}

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

func TestWhatAWatchLeavesBehind(t *testing.T) {
	t.Run("leaves nothing behind of a name that is missing, and what is held as it is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithNegativeTTL(time.Second))
		for _, name := range []string{"db", "missing"} {
			w := spectest.Watch(t, r, name)
			w.Cancel()
			<-w.Ended
		}
		time.Sleep(5 * time.Second)
		documents, names, missing := r.Held()
		assert.Equal(t, []int{1, 1, 0}, []int{documents, names, missing})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
