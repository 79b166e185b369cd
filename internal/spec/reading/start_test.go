package reading

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestAStartSurvivesABlip(t *testing.T) {
	for _, class := range []error{secrets.ErrThrottled, secrets.ErrUnavailable} {
		for _, blip := range []time.Duration{time.Second, 7 * time.Second} {
			t.Run(fmt.Sprintf("of %v: %v", blip, class), spectest.Bubble(func(t *testing.T) {
				for range 20 {
					r, p := spectest.Polled(t, map[string]string{"db": "one", "a": "1", "b": "2"})
					p.Fail(secretstest.All, class)
					time.AfterFunc(blip, p.Heal)
					get := spectest.Ask(time.Minute, spectest.Getting(r, "db"))
					require.NoError(t, r.Preload(t.Context(), "a", "b"))
					<-get.Done
					require.NoError(t, get.Err)
					assert.Equal(t, "one", get.Text)
				}
			}))
		}
	}

	t.Run("in which no provider can be opened", spectest.Bubble(func(t *testing.T) {
		up := time.Now().Add(time.Second)
		var openings atomic.Int64
		_, s := spectest.Opener(t, func() (secrets.Provider, error) {
			openings.Add(1)
			if time.Now().Before(up) {
				return nil, secrets.ErrThrottled
			}
			return secretstest.NewProvider(map[string]string{"a": "1", "b": "2", "c": "3"}), nil
		})
		r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, r.Preload(t.Context(), "a", "b", "c"))
		assert.Less(t, openings.Load(), int64(12), "all three wait for the same opening")
	}))

	t.Run("in which a service answers after nearly as long as the timeout", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTimeout(time.Minute))
		p.Delay("db", 55*time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

func TestPreloadWithALaterDeadline(t *testing.T) {
	waiting := func(t *testing.T, d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		t.Cleanup(cancel)
		return ctx
	}

	t.Run("waits for a backend that is not up yet, and not longer", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"})
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		time.AfterFunc(time.Minute, p.Heal)
		start := time.Now()
		require.NoError(t, r.Preload(waiting(t, 2*time.Minute), "a", "b"))
		assert.Less(t, time.Since(start), 66*time.Second)
		assert.LessOrEqual(t, p.Calls().Reads, 2*150)
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
	}))

	t.Run("is Load's, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1"})
		p.Fail(secretstest.All, secrets.ErrThrottled)
		time.AfterFunc(time.Minute, p.Heal)
		var c struct {
			A string `secret:"a"`
		}
		require.NoError(t, r.Load(waiting(t, 2*time.Minute), &c))
		assert.Equal(t, "1", c.A)
	}))

	t.Run("asks a failing backend at most 150 times a minute", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		err := r.Preload(waiting(t, time.Minute), "a")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.LessOrEqual(t, p.Calls().Reads, 150)
		assert.Greater(t, p.Calls().Reads, 30)
	}))

	t.Run("tells at its end every failure by name, with what the backend said last", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"good": "g"})
		p.Fail("a", fmt.Errorf("%w: sealed", secrets.ErrUnavailable))
		p.Fail("b", fmt.Errorf("%w: slow down", secrets.ErrThrottled))
		start := time.Now()
		err := r.Preload(waiting(t, time.Minute), "a", "good", "b", "none")
		assert.LessOrEqual(t, time.Since(start), time.Minute)
		assert.Greater(t, time.Since(start), 45*time.Second)
		for _, text := range []string{`"a"`, "sealed", `"b"`, "slow down", `"none"`} {
			require.ErrorContains(t, err, text)
		}
		assert.NotContains(t, err.Error(), `"good"`)
	}))

	t.Run("waits for nothing that waiting does not mend", spectest.Bubble(func(t *testing.T) {
		for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrInvalid} {
			r, p := spectest.Polled(t, nil)
			p.Fail("a", class)
			start := time.Now()
			require.ErrorIs(t, r.Preload(waiting(t, time.Minute), "a"), class)
			assert.Zero(t, time.Since(start))
		}
		r, p := spectest.Polled(t, nil)
		p.Panic("a", "boom")
		start := time.Now()
		require.ErrorIs(t, r.Preload(waiting(t, time.Minute), "a"), secrets.ErrUnavailable)
		assert.Zero(t, time.Since(start))
	}))

	t.Run("does not wait for what is remembered for longer than it has", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail("a", secretstest.Throttled(50*time.Second))
		start := time.Now()
		require.ErrorIs(t, r.Preload(waiting(t, 40*time.Second), "a"), secrets.ErrThrottled)
		assert.Zero(t, time.Since(start))
	}))

	t.Run("without a deadline gives up after the timeout", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail("a", secrets.ErrUnavailable)
		start := time.Now()
		require.ErrorIs(t, r.Preload(t.Context(), "a"), secrets.ErrUnavailable)
		assert.LessOrEqual(t, time.Since(start), 10*time.Second)
	}))

	t.Run("ends when it is cancelled, or the resolver closed, while it waits", spectest.Bubble(func(t *testing.T) {
		for what, end := range map[string]func(r *secrets.Resolver, cancel func()){
			"cancelled": func(_ *secrets.Resolver, cancel func()) { cancel() },
			"closed":    func(r *secrets.Resolver, _ func()) { _ = r.Close() },
		} {
			r, p := spectest.Polled(t, nil)
			p.Fail("a", secretstest.Throttled(30*time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			time.AfterFunc(5*time.Second, func() { end(r, cancel) })
			start := time.Now()
			require.ErrorIs(t, r.Preload(ctx, "a"), secrets.ErrThrottled, what)
			assert.Equal(t, 5*time.Second, time.Since(start), what)
			cancel()
		}
	}))
}

func TestWhatFailedTogetherIsReadTogether(t *testing.T) {
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprint("s", i))
	}
	together := func(t *testing.T, class error) (*secrets.Resolver, *batches) {
		p := &batches{Provider: secretstest.NewProvider(nil)}
		p.Fail(secretstest.All, class)
		r := secrets.New(p, secrets.WithLogger(nil))
		t.Cleanup(func() { _ = r.Close() })
		return r, p
	}

	for _, class := range []error{secrets.ErrThrottled, secrets.ErrPermission, secretstest.Throttled(time.Second)} {
		t.Run("by a program that preloads again and again: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := together(t, class)
			for range 100 {
				require.Error(t, r.Preload(t.Context(), names...))
				time.Sleep(100 * time.Millisecond)
			}
			require.Greater(t, len(p.sizes), 5)
			for _, size := range p.sizes {
				assert.Equal(t, len(names), size)
			}
		}))
	}

	t.Run("by one that waits for its manager", spectest.Bubble(func(t *testing.T) {
		r, p := together(t, secrets.ErrUnavailable)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(time.Minute, p.Heal)
		for _, name := range names {
			p.Set(name, "v")
		}
		require.NoError(t, r.Preload(ctx, names...))
		for _, size := range p.sizes {
			assert.Equal(t, len(names), size)
		}
	}))

	t.Run("at the greatest count among them", spectest.Bubble(func(t *testing.T) {
		r, p := together(t, secrets.ErrPermission)
		for range 10 {
			_, err := r.Refresh(t.Context(), names[0])
			require.ErrorIs(t, err, secrets.ErrPermission)
		}
		time.Sleep(6 * time.Second)
		require.Error(t, r.Preload(t.Context(), names...))
		before := p.Calls().Reads
		time.Sleep(2400 * time.Millisecond)
		require.Error(t, r.Preload(t.Context(), names...))
		assert.Equal(t, before, p.Calls().Reads, "one has failed ten times: for five seconds, or half of that at least")
	}))
}
