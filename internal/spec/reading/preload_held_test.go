package reading

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestPreloadOfWhatIsHeld(t *testing.T) {
	t.Run("costs nothing, be it asked twice", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"})
		spectest.Get(t, r, "a")
		spectest.Get(t, r, "b")
		p.ResetCalls()
		require.NoError(t, r.Preload(t.Context(), "a", "b", "a"))
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("is a use of it: it is refreshed on", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, secrets.WithTTL(time.Minute))
		require.NoError(t, r.Preload(t.Context(), "a", "b"))
		for range 120 {
			time.Sleep(30 * time.Second)
			require.NoError(t, r.Preload(t.Context(), "a"))
		}
		assert.NotZero(t, spectest.StatusOf(t, r, "a").NextRead)
		assert.Zero(t, spectest.StatusOf(t, r, "b").NextRead, "nobody asks for it")
		assert.GreaterOrEqual(t, p.Reads("a"), 50)
		assert.LessOrEqual(t, p.Reads("b"), 5)
	}))

	for what, opts := range map[string][]secrets.Option{"idle": nil, "on demand": {secrets.WithOnDemand()}} {
		t.Run("says of what is "+what+" and past its TTL that it is gone", spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, append(opts, secrets.WithTTL(time.Minute))...)
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			time.Sleep(time.Hour)
			p.Delete("a")
			p.Set("b", "3")
			p.ResetCalls()
			c := struct {
				B string `secret:"b"`
				A string `secret:"a"`
			}{A: "as it was"}
			err := r.Load(t.Context(), &c)
			require.ErrorIs(t, err, secrets.ErrNotFound)
			assert.ErrorContains(t, err, `"a"`)
			assert.NotContains(t, err.Error(), `"b"`)
			assert.Equal(t, "as it was", c.A)
			require.ErrorIs(t, r.Preload(t.Context(), "a", "a"), secrets.ErrNotFound)
			assert.LessOrEqual(t, p.Reads("a"), 2, "that is remembered")
		}))
	}

	t.Run("says of what has become too old while others were read that it cannot be served", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(10*time.Minute))
		spectest.Get(t, r, "a")
		stop := spectest.KeepUsing(t, r, "a")
		p.Fail("a", secrets.ErrUnavailable)
		time.Sleep(10*time.Minute - 2*time.Second)
		stop()
		p.Delay("b", 5*time.Second)
		err := r.Preload(t.Context(), "a", "b")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, `"a"`)
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
	}))

	t.Run("says of what has been deleted while others were read that it is gone, though somebody follows it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"})
		spectest.Watch(t, r, "a")
		spectest.Get(t, r, "a")
		p.Delay("b", 5*time.Second)
		preload := spectest.Ask(time.Minute, func(ctx context.Context) (secrets.Secret, error) {
			return secrets.Secret{}, r.Preload(ctx, "a", "b")
		})
		p.Delete("a")
		_, err := r.Refresh(t.Context(), "a")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		<-preload.Done
		require.ErrorIs(t, preload.Err, secrets.ErrNotFound)
		assert.ErrorContains(t, preload.Err, `"a"`)
	}))

	t.Run("says of a field that is gone, and has become too old while others were read, that it cannot be served", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"a":"1","b":"2"}`, "slow": "s"}, secrets.WithMaxStale(6*time.Minute))
		spectest.Get(t, r, "db/a")
		spectest.KeepUsing(t, r, "db/b")
		p.Fail("db/a", secrets.ErrUnavailable)
		p.Set("db", `{"b":"2"}`)
		time.Sleep(6*time.Minute - 2*time.Second)
		require.Equal(t, "1", spectest.Get(t, r, "db/a"))
		p.Delay("slow", 5*time.Second)
		err := r.Preload(t.Context(), "db/a", "slow")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, `"db/a"`)
	}))

	t.Run("reads nothing for a new name of a held document, nor for one remembered as missing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`})
		spectest.Get(t, r, "db#user")
		require.ErrorIs(t, r.Preload(t.Context(), "none"), secrets.ErrNotFound)
		p.ResetCalls()
		require.NoError(t, r.Preload(t.Context(), "db#password"))
		require.ErrorIs(t, r.Preload(t.Context(), "none"), secrets.ErrNotFound)
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("reads with a TTL of zero each time, other than a lease", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithTTL(0))
		p.Set("db", "one")
		for n := 1; n <= 3; n++ {
			require.NoError(t, r.Preload(t.Context(), "db", "creds#user"))
			assert.Equal(t, n, p.Reads("db"))
			assert.Equal(t, 1, p.Reads("creds"))
		}
		assert.Equal(t, 1, p.Calls().Leases)
	}))

	t.Run("reads with a TTL of zero also what is held for a watch", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one", "other": "o"}, secrets.WithTTL(0))
		w := spectest.Watch(t, r, "db")
		synctest.Wait()
		p.Set("db", "two")
		require.NoError(t, r.Preload(t.Context(), "db", "other"))
		synctest.Wait()
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))

	t.Run("remembers with a TTL of zero no failure either", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(0))
		require.ErrorIs(t, r.Preload(t.Context(), "db"), secrets.ErrNotFound)
		p.Set("db", "one")
		require.NoError(t, r.Preload(t.Context(), "db"))
	}))

	t.Run("reads what is too old to be served, and says so if it cannot", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		p.Fail("db", secrets.ErrPermission)
		time.Sleep(2 * time.Hour)
		require.ErrorIs(t, r.Preload(t.Context(), "db"), secrets.ErrPermission)
		p.Heal()
		p.Set("db", "two")
		time.Sleep(time.Minute)
		require.NoError(t, r.Preload(t.Context(), "db"))
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("says of a name that is gone from its fresh document what Get says", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		spectest.KeepUsing(t, r, "db#user", "db#password")
		spectest.Get(t, r, "db#password")
		p.Set("db", `{"user":"u"}`)
		time.Sleep(2 * time.Hour)
		_, err := r.Get(t.Context(), "db#password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		require.ErrorIs(t, r.Preload(t.Context(), "db#password", "db#user"), secrets.ErrNotFound)
		require.NoError(t, r.Preload(t.Context(), "db#user"))
	}))

	t.Run("costs nothing either when its document is gone and the other place cannot be read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "p", "other": "o"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db/password")
		p.Delete("db/password")
		p.Fail("db", secrets.ErrUnavailable)
		_, err := r.Refresh(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.Equal(t, "p", spectest.Get(t, r, "db/password"))
		p.ResetCalls()
		require.NoError(t, r.Preload(t.Context(), "db/password"))
		require.NoError(t, r.Preload(t.Context(), "db/password", "other"))
		assert.Zero(t, p.Reads("db/password")+p.Reads("db"))
	}))

	t.Run("says of a missing name that is watched what Get says", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range r.Watch(ctx, "db") {
			}
		}()
		synctest.Wait()
		require.ErrorIs(t, r.Preload(t.Context(), "db", "other"), secrets.ErrNotFound)
		p.Set("db", "one")
		time.Sleep(time.Hour)
		require.NoError(t, r.Preload(t.Context(), "db"))
		cancel()
		<-done
	}))
}

func TestPreloadOfWhatIsHeldPastItsTTL(t *testing.T) {
	for what, opts := range map[string][]secrets.Option{
		"idle":      {secrets.WithTTL(time.Minute)},
		"on demand": {secrets.WithTTL(time.Minute), secrets.WithOnDemand()},
	} {
		held := func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
			r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "1"}, opts...)
			p.Disable(secretstest.Batch)
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			time.Sleep(time.Hour)
			p.ResetCalls()
			return r, p
		}

		t.Run(what+" waits until all are read, the slowest too", spectest.Bubble(func(t *testing.T) {
			r, p := held(t)
			p.Set("a", "2")
			p.Set("b", "2")
			p.Delay("a", 100*time.Millisecond)
			p.Delay("b", 500*time.Millisecond)
			start := time.Now()
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			assert.Equal(t, 500*time.Millisecond, time.Since(start))
			assert.Equal(t, "2", spectest.Get(t, r, "a"))
			assert.Equal(t, "2", spectest.Get(t, r, "b"))
			assert.Equal(t, 2, p.Calls().Reads)
		}))

		t.Run(what+" waits for several providers, the slower one too", spectest.Bubble(func(t *testing.T) {
			fast, slow := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"b": "1"})
			r := spectest.Open(t, spectest.Scheme(t, fast)+"://", append(opts, secrets.WithReferences(map[string]string{"b": spectest.Scheme(t, slow) + "://b"}))...)
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			time.Sleep(time.Hour)
			fast.Set("a", "2")
			slow.Set("b", "2")
			fast.Delay("a", 100*time.Millisecond)
			slow.Delay("b", 500*time.Millisecond)
			start := time.Now()
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			assert.Equal(t, 500*time.Millisecond, time.Since(start))
			assert.Equal(t, "2", spectest.Get(t, r, "b"))
		}))

		t.Run(what+" waits for one second and not for one each", spectest.Bubble(func(t *testing.T) {
			r, p := held(t)
			defer p.Block(secretstest.All)()
			start := time.Now()
			require.NoError(t, r.Preload(t.Context(), "a", "b"))
			assert.Equal(t, time.Second, time.Since(start))
		}))

		t.Run(what+" waits no longer than its caller", spectest.Bubble(func(t *testing.T) {
			r, p := held(t)
			defer p.Block(secretstest.All)()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			require.NoError(t, r.Preload(ctx, "a", "b"))
			assert.Equal(t, 100*time.Millisecond, time.Since(start))
		}))

		t.Run(what+" asks a backend that fails once, and keeps what is held", spectest.Bubble(func(t *testing.T) {
			r, p := held(t)
			p.Fail("a", secrets.ErrUnavailable)
			require.NoError(t, r.Preload(t.Context(), "a"))
			assert.Equal(t, 1, p.Reads("a"))
			assert.Equal(t, "1", spectest.Get(t, r, "a"))
		}))
	}
}
