package attempt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/attempt"
)

// hang returns when its context ends, and appends how long that took.
func hang(took *[]time.Duration) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		start := time.Now()
		<-ctx.Done()
		*took = append(*took, time.Since(start))
		return "", ctx.Err()
	}
}

func TestARequestWithoutAnAnswerIsCutOnceAfterAThirdOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, patience := range []time.Duration{10 * time.Second, time.Minute} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			var took []time.Duration
			_, err := attempt.Twice(ctx, hang(&took))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, []time.Duration{patience / 3, patience - patience/3}, took)
		}
	})
}

func TestTheSecondRequestHasAllTheRestOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		calls := 0
		got, err := attempt.Twice(ctx, func(ctx context.Context) (string, error) {
			calls++
			select {
			case <-time.After(5 * time.Second):
				return "an answer", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		require.NoError(t, err)
		assert.Equal(t, "an answer", got)
		assert.Equal(t, 2, calls)
	})
}

func TestAnAnswerIsFinalAndSoIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		broken := errors.New("broken")
		for _, want := range []error{nil, broken, context.DeadlineExceeded} { // the last is of a client's own timeout
			calls := 0
			_, err := attempt.Twice(ctx, func(context.Context) (int, error) { calls++; return 1, want })
			assert.Equal(t, want, err)
			assert.Equal(t, 1, calls)
		}
	})
}

func TestACallersOwnEndIsNoReasonToAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		time.AfterFunc(time.Second, cancel)
		var took []time.Duration
		_, err := attempt.Twice(ctx, hang(&took))
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, took, 1)
	})
}

func TestWithoutADeadlineARequestIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Hour, cancel)
		var took []time.Duration
		_, err := attempt.Twice(ctx, hang(&took))
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, []time.Duration{time.Hour}, took)
	})
}

func TestAnAnswerThatCameWithTheCutCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		calls := 0
		got, err := attempt.Twice(ctx, func(ctx context.Context) (int, error) { calls++; <-ctx.Done(); return 7, nil })
		require.NoError(t, err)
		assert.Equal(t, []int{7, 1}, []int{got, calls})
	})
}

func TestAServerThatEndsTheCallAMomentBeforeTheCutIsAskedOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		calls := 0
		_, err := attempt.Twice(ctx, func(context.Context) (string, error) {
			if calls++; calls == 1 {
				time.Sleep(999 * time.Millisecond) // gRPC's server has the deadline, too
				return "", errors.New("stream terminated by RST_STREAM")
			}
			return "an answer", nil
		})
		require.NoError(t, err)
		assert.Equal(t, 2, calls)
	})
}
