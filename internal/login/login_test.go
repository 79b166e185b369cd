package login_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/login"
)

var errRefused = errors.New("refused")

// flight returns a Flight whose attempts take so long each and end as the
// results say, the last one for good, and the count of attempts.
func flight(took time.Duration, results ...error) (*login.Flight[string], *atomic.Int32) {
	var attempts atomic.Int32
	return &login.Flight[string]{Attempt: func(ctx context.Context) (string, error) {
		n := int(attempts.Add(1))
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return "", ctx.Err()
		}
		return "token", results[min(n, len(results))-1]
	}}, &attempts
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestOneAttemptServesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(time.Second, nil)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				token, err := f.Do(within(t, 5*time.Second))
				assert.NoError(t, err)
				assert.Equal(t, "token", token)
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, attempts.Load())
	})
}

func TestAnAttemptOutlivesItsFirstCallerForThoseWithMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(3*time.Second, nil)
		impatient := make(chan error, 1)
		go func() {
			_, err := f.Do(within(t, time.Second))
			impatient <- err
		}()
		synctest.Wait()
		token, err := f.Do(within(t, 5*time.Second))
		require.NoError(t, err)
		assert.Equal(t, "token", token)
		require.ErrorIs(t, <-impatient, context.DeadlineExceeded)
		assert.EqualValues(t, 1, attempts.Load())
	})
}

func TestAnAttemptEndsAtTheLatestDeadlineOfItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := flight(time.Hour, nil)
		began := time.Now()
		_, err := f.Do(within(t, 2*time.Second))
		require.Error(t, err, "the caller's, or that of the attempt, which ends at the same time")
		f.Close()
		assert.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestAnAttemptWithoutADeadlineEndsAfterHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := flight(time.Hour, nil)
		began := time.Now()
		_, err := f.Do(context.Background())
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 30*time.Second, time.Since(began))
	})
}

func TestACancelledCallerEndsNobodysAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(time.Second, nil)
		ctx, cancel := context.WithCancelCause(within(t, 10*time.Second))
		why := errors.New("the user left")
		cancel(why)
		_, err := f.Do(ctx)
		require.ErrorIs(t, err, why)
		_, err = f.Do(within(t, 10*time.Second))
		require.NoError(t, err)
		assert.EqualValues(t, 1, attempts.Load())
	})
}

func TestAFailureIsRememberedForLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(0, errRefused)
		// 0.25 s doubling to 5 s, anywhere in the later half of that.
		for n, bound := range []time.Duration{250, 500, 1000, 2000, 4000, 5000, 5000} {
			bound *= time.Millisecond
			_, err := f.Do(within(t, time.Second))
			require.ErrorIs(t, err, errRefused)
			require.EqualValues(t, n+1, attempts.Load())
			time.Sleep(bound/2 - time.Millisecond)
			_, err = f.Do(within(t, time.Second))
			require.ErrorIs(t, err, errRefused)
			require.EqualValues(t, n+1, attempts.Load(), "it is remembered")
			time.Sleep(bound/2 + 2*time.Millisecond)
		}
	})
}

func TestASuccessOrForgetEndsTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(0, errRefused, errRefused, errRefused, nil, errRefused)
		fails := func() { _, err := f.Do(within(t, time.Second)); require.ErrorIs(t, err, errRefused) }
		fails()
		f.Forget()
		fails()
		require.EqualValues(t, 2, attempts.Load())
		time.Sleep(time.Second)
		fails()
		time.Sleep(time.Second)
		_, err := f.Do(within(t, time.Second))
		require.NoError(t, err)
		fails()
		require.EqualValues(t, 5, attempts.Load())
		time.Sleep(313 * time.Millisecond)
		fails()
		assert.EqualValues(t, 6, attempts.Load(), "the steps began anew")
	})
}

type throttled struct{ error }

func (throttled) RetryAfter() time.Duration { return time.Minute }

func TestAnErrorThatSaysWhenToAskAgainIsRememberedUntilThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(0, throttled{errRefused})
		for range 59 {
			_, err := f.Do(within(t, time.Second))
			require.EqualError(t, err, "refused")
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 1, attempts.Load())
		time.Sleep(time.Second)
		_, _ = f.Do(within(t, time.Second))
		assert.EqualValues(t, 2, attempts.Load())
	})
}

func TestRememberAndPrintAreTheCallersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(0, errRefused)
		var counts []int
		f.Remember = func(_ error, n int) time.Duration {
			counts = append(counts, n)
			return time.Hour
		}
		state := uint64(1)
		f.Print = func() uint64 { return state }
		do := func() { _, err := f.Do(within(t, time.Second)); require.ErrorIs(t, err, errRefused) }
		do()
		time.Sleep(59 * time.Minute)
		do()
		require.EqualValues(t, 1, attempts.Load())
		state = 2 // the file was mended, or so
		do()
		require.EqualValues(t, 2, attempts.Load())
		time.Sleep(time.Hour + time.Second)
		do()
		assert.Equal(t, []int{1, 1, 2}, counts, "another state has failed for the first time")
	})
}

func TestStartDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(time.Second, nil)
		began := time.Now()
		f.Start(within(t, 5*time.Second))
		f.Start(within(t, 5*time.Second))
		assert.Zero(t, time.Since(began))
		token, err := f.Do(within(t, 5*time.Second))
		require.NoError(t, err)
		assert.Equal(t, "token", token)
		assert.EqualValues(t, 1, attempts.Load())
	})
}

func TestCloseEndsTheAttemptAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, attempts := flight(time.Hour, nil)
		waiting := make(chan error, 1)
		go func() {
			_, err := f.Do(context.Background())
			waiting <- err
		}()
		synctest.Wait()
		f.Close()
		require.ErrorIs(t, <-waiting, context.Canceled)
		_, err := f.Do(within(t, time.Second))
		require.ErrorIs(t, err, login.ErrClosed)
		f.Start(within(t, time.Second))
		f.Close()
		assert.EqualValues(t, 1, attempts.Load())
	})
}

func TestAnAttemptThatPanicsOrExitsIsAFailure(t *testing.T) {
	for name, end := range map[string]func(){
		"a panic":  func() { panic("hunter2") },
		"a Goexit": runtime.Goexit,
		"a fault":  func() { var none []int; _ = none[len(none)] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				f := &login.Flight[string]{Attempt: func(context.Context) (string, error) {
					if attempts++; attempts == 1 {
						end()
					}
					return "token", nil
				}}
				_, err := f.Do(within(t, time.Second))
				require.Error(t, err)
				assert.NotContains(t, err.Error(), "hunter2")
				time.Sleep(time.Second)
				token, err := f.Do(within(t, time.Second))
				require.NoError(t, err)
				assert.Equal(t, "token", token)
			})
		})
	}
}

func TestAConnectionThatDiedLastsNoLongerHoweverManyComeToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		f := &login.Flight[string]{Attempt: func(ctx context.Context) (string, error) {
			if attempts.Add(1) > 1 {
				return "token", nil
			}
			<-ctx.Done() // the other end has vanished
			return "", ctx.Err()
		}}
		start := time.Now()
		for time.Since(start) < 9*time.Second { // a caller a second, each with ten
			go func() { _, _ = f.Do(within(t, 10*time.Second)) }()
			time.Sleep(time.Second)
		}
		token, err := f.Do(within(t, 10*time.Second))
		require.NoError(t, err)
		assert.Equal(t, "token", token)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}
