package binding

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// credentials are one document, of which no two versions may be mixed.
type credentials struct {
	User     string         `secret:"db/user"`
	Password secrets.Secret `secret:"db/password"`
	Whole    string         `secret:"db"`
	Token    string         `secret:"token"`
	Proxy    string         `secret:"proxy,optional"`
	Retries  int            `secret:"retries,default=3"`
}

func document(i int) string { return fmt.Sprintf(`{"user":"u%d","password":"p%d"}`, i, i) }

func TestBindStruct(t *testing.T) {
	t.Run("replaces the struct at once when one of its secrets changes", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1"})
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		before := live.Get()
		assert.Equal(t, "u1", before.User)
		assert.Equal(t, 3, before.Retries)
		p.Set("db", document(2))
		synctest.Wait()
		after := live.Get()
		assert.Equal(t, "u2", after.User)
		assert.Equal(t, "p2", after.Password.Reveal())
		assert.Equal(t, document(2), after.Whole)
		assert.Equal(t, "t1", after.Token)
		assert.Equal(t, "u1", before.User, "what was handed out stays as it is")
		p.Set("token", "t2")
		synctest.Wait()
		assert.Equal(t, "t2", live.Get().Token)
	}))

	t.Run("reads everything in one batch", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": document(1), "token": "t1"})
		_, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Zero(t, p.Calls().Fetches)
	}))

	t.Run("never mixes two versions of a document", func(t *testing.T) {
		t.Parallel()
		p := secretstest.NewProvider(map[string]string{"db": document(0), "token": "t"})
		r := spectest.On(t, p)
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		var wg sync.WaitGroup
		done := make(chan struct{})
		check := func(v credentials) bool {
			n := strings.TrimPrefix(v.User, "u")
			return assert.Equal(t, "p"+n, v.Password.Reveal()) && assert.Equal(t, fmt.Sprintf(`{"user":"u%s","password":"p%s"}`, n, n), v.Whole)
		}
		for range 2 {
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					var loaded credentials
					if !check(live.Get()) || !assert.NoError(t, r.Load(context.Background(), &loaded)) || !check(loaded) {
						return
					}
				}
			})
		}
		for i := range 300 {
			p.Set("db", document(i))
			_, err := r.Refresh(t.Context(), "db")
			assert.NoError(t, err)
		}
		close(done)
		wg.Wait()
		require.Eventually(t, func() bool { return live.Get().User == "u299" }, 5*time.Second, time.Millisecond)
	})

	t.Run("keeps the last good struct while a field does not fit, and Err tells", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1", "retries": "5"})
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		p.Set("retries", "often")
		synctest.Wait() // or a struct with the new token may come first
		p.Set("token", "t2")
		synctest.Wait()
		assert.Equal(t, 5, live.Get().Retries)
		assert.Equal(t, "t1", live.Get().Token, "it is replaced as a whole or not at all")
		require.ErrorIs(t, live.Err(), secrets.ErrInvalid)
		assert.ErrorContains(t, live.Err(), "retries")
		p.Set("retries", "6")
		synctest.Wait()
		assert.NoError(t, live.Err())
		assert.Equal(t, 6, live.Get().Retries)
		assert.Equal(t, "t2", live.Get().Token)
	}))

	t.Run("keeps the last struct when a name is deleted, and Err tells until it is there again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1"})
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		p.Delete("token")
		synctest.Wait()
		assert.ErrorIs(t, live.Err(), secrets.ErrNotFound)
		assert.Equal(t, "t1", live.Get().Token)
		p.Set("token", "t1")
		synctest.Wait()
		assert.NoError(t, live.Err())
	}))

	t.Run("notices an optional name that comes, and one that goes", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1"})
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		synctest.Wait()
		p.Set("proxy", "http://proxy")
		p.Set("retries", "9")
		synctest.Wait()
		assert.Equal(t, "http://proxy", live.Get().Proxy)
		assert.Equal(t, 9, live.Get().Retries)
		p.Delete("proxy")
		p.Delete("retries")
		synctest.Wait()
		assert.Empty(t, live.Get().Proxy)
		assert.Equal(t, 3, live.Get().Retries)
		assert.NoError(t, live.Err())
	}))

	t.Run("notices within the TTL what a polled backend has", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": document(1), "token": "t1"})
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		p.Set("proxy", "http://proxy")
		p.Set("db", document(2))
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, "u2", live.Get().User)
		assert.Equal(t, "http://proxy", live.Get().Proxy)
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 24*60/4+10, "and is no heavier for it")
		assert.LessOrEqual(t, p.Reads("retries"), 24*60/4+10)
	}))

	t.Run("is healthy while only optional names are missing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1"})
		_, err := secrets.BindStruct[credentials](t.Context(), r)
		require.NoError(t, err)
		assert.NoError(t, r.Healthy())
		p.Delete("token")
		synctest.Wait()
		assert.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
	}))

	t.Run("fails as Load does, with every failure, and leaves nothing running", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"retries": "often"})
		live, err := secrets.BindStruct[credentials](t.Context(), r)
		assert.Nil(t, live)
		require.ErrorIs(t, err, secrets.ErrNotFound)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		for _, name := range []string{"db/user", "db/password", "token", "retries"} {
			assert.ErrorContains(t, err, name)
		}
		time.Sleep(time.Hour)
		assert.NoError(t, r.Healthy())
		p.ResetCalls()
		time.Sleep(time.Hour)
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("of what is no struct, or has a Live in it, is ErrInvalid before any read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, nil)
		_, err := secrets.BindStruct[string](t.Context(), r)
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		_, err = secrets.BindStruct[struct {
			Token *secrets.Live[string] `secret:"token"`
		}](t.Context(), r)
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		_, err = secrets.BindStruct[struct {
			Bad string `secret:"/x"`
		}](t.Context(), r)
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("goes on after its context has ended, and ends with Stop", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1"})
		ctx, cancel := context.WithCancel(t.Context())
		live, err := secrets.BindStruct[credentials](ctx, r)
		require.NoError(t, err)
		cancel()
		p.Set("token", "t2")
		synctest.Wait()
		assert.Equal(t, "t2", live.Get().Token)
		live.Stop()
		synctest.Wait()
		p.Set("token", "t3")
		synctest.Wait()
		assert.Equal(t, "t2", live.Get().Token)
	}))

	t.Run("uses the resolver of its context when it is given none", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Pushed(t, map[string]string{"db": document(1), "token": "t1"})
		live, err := secrets.BindStruct[credentials](secrets.NewContext(t.Context(), r), nil)
		require.NoError(t, err)
		assert.Equal(t, "u1", live.Get().User)
	}))
}
