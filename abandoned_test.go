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

func TestReadThatNeverBegan(t *testing.T) {
	t.Run("its caller having gone, is remembered nowhere: the next one reads", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"late": "one"})
		leave := spectest.FillSlots(t, r, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Get(ctx, "late")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		for _, s := range r.Status() {
			assert.NotEqual(t, "late", s.Document)
		}
		leave()
		assert.Equal(t, "one", spectest.Get(t, r, "late"))
		assert.Equal(t, 1, p.Reads("late"))
	}))

	t.Run("never begins once all who wanted it have gone", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"late": "one"}, secrets.WithTimeout(time.Hour))
		leave := spectest.FillSlots(t, r, p)
		first := spectest.Ask(time.Second, spectest.Getting(r, "late"))
		second := spectest.Ask(2*time.Second, spectest.Getting(r, "late"))
		<-first.Done
		<-second.Done
		synctest.Wait()
		leave()
		synctest.Wait()
		assert.Zero(t, p.Reads("late"))
	}))

	t.Run("of a held secret leaves it fresh, and refreshed on", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithTimeout(time.Hour))
		spectest.Get(t, r, "db")
		leave := spectest.FillSlots(t, r, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Refresh(ctx, "db")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		st := spectest.StatusOf(t, r, "db")
		assert.Equal(t, secrets.StateFresh, st.State)
		assert.Zero(t, st.Failures)
		assert.Empty(t, st.LastError)
		leave()

		spectest.KeepUsing(t, r, "db")
		p.Set("db", "two")
		time.Sleep(time.Minute)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))
}
