package secrets_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestTriesOfAColdRead(t *testing.T) {
	t.Run("come after up to 100 ms, doubling to 2 s, spread over all of that, until the timeout", spectest.Bubble(func(t *testing.T) {
		const times = 200 // none of them in a given half of what is drawn from: once in 2^200
		var tries []time.Time
		r := secrets.New(spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
			tries = append(tries, time.Now())
			return secrets.Value{}, secrets.ErrUnavailable
		}), secrets.WithLogger(nil))
		defer r.Close()
		limits := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 2 * time.Second}
		low, high := make([]time.Duration, len(limits)), make([]time.Duration, len(limits))
		for i := range times {
			tries = nil
			start := time.Now()
			_, err := r.Get(t.Context(), fmt.Sprint("name", i))
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			require.LessOrEqual(t, time.Since(start), 10*time.Second)
			require.GreaterOrEqual(t, time.Since(start), 8*time.Second, "nothing but a wait of up to two seconds is too long for what is left")
			for k := 1; k < len(tries); k++ {
				n := min(k, len(limits)) - 1
				wait := tries[k].Sub(tries[k-1])
				if low[n] == 0 || wait < low[n] {
					low[n] = wait
				}
				high[n] = max(high[n], wait)
			}
		}
		for k, most := range limits {
			assert.Less(t, low[k], most/2)
			assert.Greater(t, high[k], most/2)
			assert.LessOrEqual(t, high[k], most)
		}
	}))

	t.Run("wait as long as the backend asks", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.FailTimes("db", 2, secretstest.Throttled(3*time.Second))
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 6*time.Second, time.Since(start))
	}))

	t.Run("are not waited for when the backend asks for more time than there is", spectest.Bubble(func(t *testing.T) {
		for _, after := range []time.Duration{10 * time.Second, time.Minute} { // there are ten seconds
			r, p := spectest.Polled(t, map[string]string{"db": "one"})
			p.Fail("db", secretstest.Throttled(after))
			start := time.Now()
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrThrottled)
			assert.Zero(t, time.Since(start), "%v", after)
			assert.Equal(t, 1, p.Reads("db"))
		}
	}))

	t.Run("end with a failure that trying again cannot mend, which is told at once", spectest.Bubble(func(t *testing.T) {
		for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrInvalid} {
			r, p := spectest.Polled(t, nil)
			p.Fail("db", class)
			start := time.Now()
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, class)
			assert.Zero(t, time.Since(start), "%v", class)
			assert.Equal(t, 1, p.Reads("db"))
		}
	}))

	t.Run("of which the last hangs tell what the backend said before, not that time ran out", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.FailTimes("db", 1, fmt.Errorf("%w: sealed", secrets.ErrThrottled))
		p.SetFunc("db", func(ctx context.Context) (secrets.Value, error) {
			<-ctx.Done()
			return secrets.Value{}, ctx.Err()
		})
		start := time.Now()
		_, err := r.Get(t.Context(), "db")
		assert.Equal(t, 10*time.Second, time.Since(start))
		require.ErrorIs(t, err, secrets.ErrThrottled)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "sealed")
	}))

	t.Run("are one for a value that is held and was long not asked for", spectest.Bubble(func(t *testing.T) {
		for range 20 {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand())
			spectest.Get(t, r, "db")
			time.Sleep(time.Hour)
			p.Fail("db", secrets.ErrUnavailable)
			start := time.Now()
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Zero(t, time.Since(start), "the held value is served as soon as the read has failed")
			assert.Equal(t, 2, p.Reads("db"))
		}
	}))
}

func TestTimeoutOfARead(t *testing.T) {
	const timeout = 3 * time.Second

	t.Run("lets a backend answer until it is reached", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTimeout(timeout))
		p.Delay("db", timeout-time.Millisecond)
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, timeout-time.Millisecond, time.Since(start))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("is told as unavailable, with how it was", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTimeout(timeout))
		defer p.Block("db")()
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "no answer in time")
	}))

	t.Run("is not waited for by who has less time, and is told for how long there was no answer", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTimeout(timeout))
		defer p.Block("db")()
		time.Sleep(time.Hour)
		get := spectest.Ask(1500*time.Millisecond, spectest.Getting(r, "db"))
		<-get.Done
		require.ErrorIs(t, get.Err, context.DeadlineExceeded)
		assert.ErrorContains(t, get.Err, "no answer after 1.5s")
	}))

	t.Run("is not waited for by a Preload that has less time, which tells of the name that it still waits for", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"slow": "one"}, secrets.WithTimeout(timeout))
		defer p.Block("slow")()
		require.ErrorIs(t, r.Preload(t.Context(), "none"), secrets.ErrNotFound)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.Preload(ctx, "none", "slow")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "slow: no answer after 1s")
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
