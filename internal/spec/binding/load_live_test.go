package binding

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestLoadLive(t *testing.T) {
	t.Parallel()
	type config struct {
		Token   *secrets.Live[string]         `secret:"token"`
		Secret  *secrets.Live[secrets.Secret] `secret:"db/password"`
		Retries *secrets.Live[int]            `secret:"retries,default=3"`
		Proxy   *secrets.Live[string]         `secret:"proxy,optional"`
	}
	docs := map[string]string{"token": "t1", "db": `{"password":"p1"}`}
	t.Run("fields stay current", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, docs)
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Equal(t, "t1", dst.Token.Get())
		assert.Equal(t, "p1", dst.Secret.Get().Reveal())
		p.Set("token", "t2")
		p.Set("db", `{"password":"p2"}`)
		synctest.Wait()
		assert.Equal(t, "t2", dst.Token.Get())
		assert.Equal(t, "p2", dst.Secret.Get().Reveal())
	}))
	t.Run("fields with a default have it while the name is missing, and follow it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, docs)
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Equal(t, 3, dst.Retries.Get())
		assert.NoError(t, dst.Retries.Err())
		synctest.Wait()
		p.Set("retries", "9")
		synctest.Wait()
		assert.Equal(t, 9, dst.Retries.Get())
		p.Delete("retries")
		synctest.Wait()
		assert.Equal(t, 3, dst.Retries.Get())
		assert.NoError(t, dst.Retries.Err())
		assert.NoError(t, r.Healthy())
	}))
	t.Run("fields that are optional and missing are nil, which is empty", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Pushed(t, docs)
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Nil(t, dst.Proxy)
		assert.Empty(t, dst.Proxy.Get())
	}))
	t.Run("fields of a Load that fails elsewhere are stopped", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, docs)
		var dst struct {
			config
			Missing string `secret:"missing"`
		}
		require.ErrorIs(t, r.Load(t.Context(), &dst), secrets.ErrNotFound)
		assert.Nil(t, dst.Token)
		synctest.Wait()
		time.Sleep(time.Hour)
		p.ResetCalls()
		time.Sleep(time.Hour)
		assert.Zero(t, p.Calls().Reads, "nothing is kept in use")
	}))
	t.Run("fields cost no read of their own", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs)
		require.NoError(t, r.Load(t.Context(), new(config)))
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Zero(t, p.Calls().Fetches)
	}))
	t.Run("fields go on after the context of Load has ended", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, docs)
		ctx, cancel := context.WithCancel(t.Context())
		var dst config
		require.NoError(t, r.Load(ctx, &dst))
		cancel()
		p.Set("token", "t2")
		synctest.Wait()
		assert.Equal(t, "t2", dst.Token.Get())
	}))
}

func TestLoadAgain(t *testing.T) {
	type config struct {
		Token  *secrets.Live[string] `secret:"token"`
		Number *secrets.Live[int]    `secret:"number,default=7"`
	}
	goroutines := func() int { synctest.Wait(); return runtime.NumGoroutine() }

	t.Run("keeps the Lives that it has made", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"token": "one"})
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		first, before := dst, goroutines()
		for range 20 {
			require.NoError(t, r.Load(t.Context(), &dst))
		}
		assert.LessOrEqual(t, goroutines(), before, "no goroutine a Load")
		assert.Same(t, first.Token, dst.Token)
		assert.Same(t, first.Number, dst.Number)
		p.Set("token", "two")
		p.Set("number", "8")
		synctest.Wait()
		time.Sleep(time.Minute)
		assert.Equal(t, "two", dst.Token.Get())
		assert.Equal(t, 8, dst.Number.Get())
	}))

	t.Run("tells what they cannot decode", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"token": "one", "number": "1"})
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		p.Set("number", "many")
		synctest.Wait()
		assert.ErrorIs(t, r.Load(t.Context(), &dst), secrets.ErrInvalid)
		assert.Equal(t, 1, dst.Number.Get())
	}))

	t.Run("replaces one that was stopped, or whose resolver is another or closed, and stops it", spectest.Bubble(func(t *testing.T) {
		r, first := spectest.Pushed(t, map[string]string{"token": "one"})
		other, p := spectest.Pushed(t, map[string]string{"token": "other"})
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		old := dst
		require.NoError(t, other.Load(t.Context(), &dst))
		assert.Equal(t, "other", dst.Token.Get())
		assert.NotSame(t, old.Token, dst.Token)
		first.Set("token", "late")
		synctest.Wait()
		assert.Equal(t, "one", old.Token.Get(), "it was stopped")
		dst.Token.Stop()
		require.NoError(t, other.Load(t.Context(), &dst))
		p.Set("token", "more")
		synctest.Wait()
		assert.Equal(t, "more", dst.Token.Get())
	}))

	t.Run("starts none when it fails, and keeps those that were there", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"token": "one", "number": "1"})
		other, _ := spectest.Pushed(t, map[string]string{"token": "other", "number": "no"})
		var dst config
		require.NoError(t, r.Load(t.Context(), &dst))
		require.ErrorIs(t, other.Load(t.Context(), &dst), secrets.ErrInvalid)
		before := goroutines()
		for range 20 {
			require.ErrorIs(t, other.Load(t.Context(), &dst), secrets.ErrInvalid)
		}
		assert.LessOrEqual(t, goroutines(), before+5, "no goroutine a Load")
		p.Set("token", "two")
		synctest.Wait()
		assert.Equal(t, "two", dst.Token.Get())
	}))

	t.Run("leaves a Live of Bind running", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"token": "one"})
		own, err := secrets.Bind(t.Context(), r, "token", func(s secrets.Secret) (string, error) { return "own " + s.Reveal(), nil })
		require.NoError(t, err)
		dst := config{Token: own}
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Equal(t, "one", dst.Token.Get())
		p.Set("token", "two")
		synctest.Wait()
		assert.Equal(t, "own two", own.Get())
	}))
}
