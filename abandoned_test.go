package secrets_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// full has as many cold reads of a provider under way as there may be, none of
// which ends before leave is called.
func full(t *testing.T, r *secrets.Resolver, p *secretstest.Provider) (leave func()) {
	var wg sync.WaitGroup
	var releases []func()
	for i := range 32 {
		name := fmt.Sprint("full", i)
		p.Set(name, "v")
		releases = append(releases, p.Block(name))
		wg.Go(func() { _, _ = r.Get(context.Background(), name) })
	}
	synctest.Wait()
	require.Equal(t, 32, p.Calls().InFlight)
	return func() {
		for _, release := range releases {
			release()
		}
		wg.Wait()
	}
}

func TestReadThatNeverBegan(t *testing.T) {
	t.Run("its caller having gone, is remembered nowhere: the next one reads", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"late": "one"})
		leave := full(t, r, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Get(ctx, "late")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		for _, s := range r.Status() {
			assert.NotEqual(t, "late", s.Document)
		}
		leave()
		assert.Equal(t, "one", value(t, r, "late"))
		assert.Equal(t, 1, p.Reads("late"))
	}))

	t.Run("never begins once all who wanted it have gone", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"late": "one"}, secrets.WithTimeout(time.Hour))
		leave := full(t, r, p)
		first := ask(time.Second, getting(r, "late"))
		second := ask(2*time.Second, getting(r, "late"))
		<-first.done
		<-second.done
		synctest.Wait()
		leave()
		synctest.Wait()
		assert.Zero(t, p.Reads("late"))
	}))

	t.Run("of a held secret leaves it fresh, and refreshed on", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithTimeout(time.Hour))
		value(t, r, "db")
		leave := full(t, r, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Refresh(ctx, "db")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		st := stateOf(t, r, "db")
		assert.Equal(t, secrets.StateFresh, st.State)
		assert.Zero(t, st.Failures)
		assert.Empty(t, st.LastError)
		leave()

		keepUsing(t, r, "db")
		p.Set("db", "two")
		time.Sleep(time.Minute)
		assert.Equal(t, "two", value(t, r, "db"))
	}))
}
