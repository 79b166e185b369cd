package login_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/login"
)

// slow is an attempt that takes a second, or as long as it may.
func slow(calls *int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		*calls++
		select {
		case <-time.After(time.Second):
			return *calls, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func ask(t *testing.T, f *login.Flight[int], d time.Duration) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return f.Do(ctx)
}

func TestAnAttemptOutlivesCallersWhoGiveUpSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := &login.Flight[int]{Attempt: slow(&calls), Least: 5 * time.Second}
		_, err := ask(t, f, 100*time.Millisecond)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		n, err := ask(t, f, 2*time.Second)
		require.NoError(t, err)
		assert.Equal(t, 1, n, "the first attempt serves who asks next")
		f.Close()
	})
}

func TestWhoHasMoreTimeIsNotToldOfAnAttemptWhoseTimeWasUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		ended := make(chan struct{})
		f := &login.Flight[int]{Attempt: func(ctx context.Context) (int, error) {
			if calls++; calls > 1 {
				return calls, nil
			}
			<-ctx.Done()
			<-ended // it takes a while to notice
			return 0, errors.New("cut")
		}}
		_, err := ask(t, f, 100*time.Millisecond)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.AfterFunc(50*time.Millisecond, func() { close(ended) })
		n, err := ask(t, f, 2*time.Second)
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		f.Close()
	})
}
