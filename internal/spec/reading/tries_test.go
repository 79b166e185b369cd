package reading

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
	t.Run("come after up to 100 ms, doubling to 2 s, spread over all of that, until the timeout, and tell the backend's last word", spectest.Bubble(func(t *testing.T) {
		const times = 200 // none of them in a given half of what is drawn from: once in 2^200
		var tries []time.Time
		r := secrets.New(spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
			tries = append(tries, time.Now())
			return secrets.Value{}, fmt.Errorf("%w: sealed", secrets.ErrUnavailable)
		}), secrets.WithLogger(nil))
		defer r.Close()
		limits := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 2 * time.Second}
		low, high := make([]time.Duration, len(limits)), make([]time.Duration, len(limits))
		for i := range times {
			tries = nil
			start := time.Now()
			_, err := r.Get(t.Context(), fmt.Sprint("name", i))
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "sealed")
			require.InDelta(t, 16, len(tries), 9)
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
		start := time.Now()
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.InDelta(t, timeout, time.Since(start), float64(time.Second/2))
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

func TestTriesOfAColdReadAreNobodyElsesDelay(t *testing.T) {
	t.Run("while they pause, others are read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"good": "one"})
		for i := range 32 {
			name := fmt.Sprint("bad", i)
			p.Fail(name, secretstest.Throttled(5*time.Second))
			spectest.Ask(time.Minute, spectest.Getting(r, name))
		}
		require.Zero(t, p.Calls().InFlight)
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "good"))
		assert.Zero(t, time.Since(start))
	}))

	t.Run("end with the try that was the last when everybody has left", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail("db", fmt.Errorf("%w: sealed", secrets.ErrUnavailable))
		first, second := spectest.Ask(time.Second, spectest.Getting(r, "db")), spectest.Ask(3*time.Second, spectest.Getting(r, "db"))
		<-first.Done
		tried := p.Reads("db")
		<-second.Done
		require.ErrorIs(t, second.Err, secrets.ErrUnavailable)
		assert.Greater(t, p.Reads("db"), tried, "somebody still waited")
		synctest.Wait()
		tried = p.Reads("db")
		s := spectest.StatusOf(t, r, "db")
		assert.Equal(t, 1, s.Failures)
		assert.Contains(t, s.LastError, "sealed")
		time.Sleep(time.Minute)
		assert.Equal(t, tried, p.Reads("db"))
	}))

	t.Run("end for the one name of a Preload that nobody else wants", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Disable(secretstest.Batch)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		preload := spectest.Ask(2*time.Second, func(ctx context.Context) (secrets.Secret, error) {
			return secrets.Secret{}, r.Preload(ctx, "a", "b")
		})
		get := spectest.Ask(6*time.Second, spectest.Getting(r, "b"))
		<-preload.Done
		synctest.Wait()
		a, b := p.Reads("a"), p.Reads("b")
		<-get.Done
		assert.Equal(t, a, p.Reads("a"))
		assert.Greater(t, p.Reads("b"), b)
	}))

	t.Run("are one for what is held, though it has become too old", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		time.Sleep(2 * time.Hour)
		p.Fail("db", secrets.ErrUnavailable)
		start, before := time.Now(), p.Reads("db")
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		_, err = r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.Zero(t, time.Since(start))
		assert.Equal(t, before+2, p.Reads("db"))
	}))

	t.Run("of a flight that a follower began go on for who asks with patience", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Fail("db", secrets.ErrUnavailable)
		spectest.Watch(t, r, "db")
		time.Sleep(time.Minute)
		p.FailTimes("db", 1, secrets.ErrUnavailable)
		p.Delay("db", time.Second)
		before := p.Reads("db")
		for p.Calls().InFlight == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, before+2, p.Reads("db"))
	}))
}

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
