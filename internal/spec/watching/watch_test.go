package watching

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

func TestWatch(t *testing.T) {
	t.Run("yields the current value first, and then each change", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		assert.Equal(t, []string{"one"}, w.All())
		for _, v := range []string{"two", "three"} {
			p.Set("db", v)
			time.Sleep(5 * time.Minute)
		}
		assert.Equal(t, []string{"one", "two", "three"}, w.All())
	}))

	t.Run("takes a new version of the same bytes for no change", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`})
		whole, user := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db#user")
		p.Set("db", `{"user":"u","password":"p"}`)
		time.Sleep(5 * time.Minute)
		assert.Len(t, whole.All(), 1)
		p.Set("db", `{"user":"u","password":"new"}`)
		time.Sleep(5 * time.Minute)
		assert.Len(t, whole.All(), 2)
		assert.Equal(t, []string{"u"}, user.All(), "another field's change is none of this name")
	}))

	t.Run("takes a failed refresh for no change", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrUnauthenticated, secrets.ErrPermission, secrets.ErrInvalid} {
			p.Fail("db", class)
			time.Sleep(10 * time.Minute)
		}
		p.Panic("db", "boom")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"one"}, w.All())
		p.Heal()
		p.Set("db", "two")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))

	t.Run("takes a value that has expired, and comes back the same, for no change", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour))
		w := spectest.Watch(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(3 * time.Hour)
		p.Heal()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"one"}, w.All())
		p.Set("db", "two")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, []string{"one", "two"}, w.All(), "and goes on")
	}))

	t.Run("yields a deletion as ErrNotFound, once, and then the value that is there again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		p.Delete("db")
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"one", "<not found>"}, w.All())
		p.Set("db", "one")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "<not found>", "one"}, w.All(), "the same bytes again are a change from nothing")
		p.Delete("db")
		time.Sleep(5*time.Minute + time.Second)
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "<not found>", "one", "<not found>", "two"}, w.All())
	}))

	t.Run("yields why there is no value at first, once, and the value when it comes", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		w := spectest.Watch(t, r, "db")
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"<not found>"}, w.All())
		p.Set("db", "one")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"<not found>", "one"}, w.All())
	}))

	t.Run("yields that the backend is down at first, and the value soon after it is up", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Fail("db", secrets.ErrUnavailable)
		w := spectest.Watch(t, r, "db")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"<unavailable>"}, w.All())
		assert.LessOrEqual(t, p.Reads("db"), 150, "it does not hammer")
		p.Heal()
		time.Sleep(45 * time.Second)
		assert.Equal(t, []string{"<unavailable>", "one"}, w.All())
	}))

	t.Run("yields a malformed name's error and ends", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		w := spectest.Watch(t, r, "/db")
		<-w.Ended
		assert.Equal(t, []string{"<invalid>"}, w.All())
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("follows a name from its parent to its own document and back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"parent"}`})
		w := spectest.Watch(t, r, "db/password")
		p.Set("db/password", "own")
		time.Sleep(51 * time.Minute)
		assert.Equal(t, []string{"parent", "own"}, w.All())
		p.Delete("db/password")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, []string{"parent", "own", "parent"}, w.All())
	}))

	t.Run("sees a recreation that somebody else's Get has found", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Hour))
		w := spectest.Watch(t, r, "db")
		p.Delete("db")
		time.Sleep(time.Hour)
		require.Equal(t, []string{"one", "<not found>"}, w.All())
		p.Set("db", "one")
		time.Sleep(3 * time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, []string{"one", "<not found>", "one"}, w.All())
	}))

	t.Run("conflates changes that come faster than they are taken, to the latest", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": "0"})
		next := make(chan string)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for s, err := range r.Watch(ctx, "db") {
				next <- spectest.Said(s, err)
			}
			close(next)
		}()
		synctest.Wait() // it is busy with the first value
		for i := 1; i <= 50; i++ {
			p.Set("db", fmt.Sprint(i))
			synctest.Wait()
		}
		assert.Equal(t, "0", <-next)
		assert.Equal(t, "50", <-next)
		synctest.Wait()
		select {
		case v := <-next:
			t.Errorf("yielded %q, too", v)
		default:
		}
	}))

	t.Run("shares its reads with any number of others", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		for range 100 {
			spectest.Watch(t, r, "db")
		}
		time.Sleep(time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 17)
	}))

	t.Run("keeps its name in use, though nobody asks", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		time.Sleep(24 * time.Hour)
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
		p.Block("db")
		start := time.Now()
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, start, time.Now(), "Get does not wait")

		p.Heal()
		w.Cancel()
		<-w.Ended
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 6, "and no longer when it has ended")
	}))

	t.Run("of a name that was idle has it refreshed again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		time.Sleep(24 * time.Hour)
		w := spectest.Watch(t, r, "db")
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, "two", w.All()[len(w.All())-1])
	}))

	t.Run("ends with its context, while it waits and while its first read does", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		p.Block("slow")
		slow := spectest.Watch(t, r, "slow")
		w.Cancel()
		slow.Cancel()
		<-w.Ended
		<-slow.Ended
		assert.Empty(t, slow.All())
		p.Heal()
	}))

	t.Run("ends with the resolver", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"db": "one"})
		r := secrets.New(p, secrets.WithLogger(nil))
		held, missing := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "missing")
		require.NoError(t, r.Close())
		<-held.Ended
		<-missing.Ended
		assert.Equal(t, []string{"one"}, held.All())
		assert.Equal(t, []string{"<not found>"}, missing.All())
	}))

	t.Run("with a TTL of zero reads seldom, and sees a change within seconds", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		w := spectest.Watch(t, r, "db")
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, p.Reads("db"), 70)
		p.Set("db", "two")
		time.Sleep(3 * time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))

	t.Run("obeys a provider URI's ttl, also for a name that is missing", spectest.Bubble(func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": "one"})
		r, err := secrets.Open(t.Context(), spectest.Scheme(t, p)+"://?ttl=10s", secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		w, missing := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "missing")
		p.Set("db", "two")
		p.Set("missing", "here")
		time.Sleep(11 * time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
		assert.Equal(t, []string{"<not found>", "here"}, missing.All())
	}))
}
