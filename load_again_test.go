package secrets_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// The race detector is what fails here.
func TestLoadSetsTheTaggedFieldsAndNothingElse(t *testing.T) {
	t.Run("so that others may change meanwhile", func(t *testing.T) {
		t.Parallel()
		var dst struct {
			mu       sync.Mutex
			Served   int
			Password string `secret:"password"`
			In       struct {
				Count atomic.Int64
				Key   string `secret:"key"`
			}
			Ptr *struct {
				Count int
				Key   string `secret:"key"`
			}
		}
		r := spectest.On(t, spectest.NewPolled(map[string]string{"password": "pw", "key": "k"}))
		require.NoError(t, r.Load(t.Context(), &dst))
		ptr := dst.Ptr
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 1000 {
				dst.mu.Lock()
				dst.Served++
				ptr.Count++
				dst.In.Count.Add(1)
				dst.mu.Unlock()
				runtime.Gosched()
			}
		}()
		for range 50 {
			require.NoError(t, r.Load(t.Context(), &dst))
		}
		<-done
		assert.Equal(t, 1000, dst.Served)
		assert.Equal(t, 1000, dst.Ptr.Count)
		assert.EqualValues(t, 1000, dst.In.Count.Load())
		assert.Equal(t, "pw", dst.Password)
	})

	t.Run("and leaves a lock as it is", func(t *testing.T) {
		t.Parallel()
		var dst struct {
			sync.Mutex
			Password string `secret:"password"`
		}
		p := spectest.NewPolled(map[string]string{"password": "pw"})
		r := spectest.On(t, p, secrets.WithTTL(0))
		release := p.Block("password")
		loaded := make(chan error)
		go func() { loaded <- r.Load(t.Context(), &dst) }()
		for p.Calls().Reads == 0 {
			runtime.Gosched()
		}
		dst.Lock()
		release()
		require.NoError(t, <-loaded)
		assert.False(t, dst.TryLock(), "it was locked meanwhile")
	})
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
