package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// A watching is a Watch that runs, and what it has yielded: a value, or the
// class of an error in angle brackets.
type watching struct {
	mu     sync.Mutex
	seen   []string
	cancel context.CancelFunc
	ended  chan struct{}
}

// watch follows a name until the test ends.
func watch(t testing.TB, r *secrets.Resolver, name string) *watching {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for s, err := range r.Watch(ctx, name) {
			w.mu.Lock()
			w.seen = append(w.seen, said(s, err))
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-w.ended })
	synctest.Wait()
	return w
}

func said(s secrets.Secret, err error) string {
	if err == nil {
		return s.Reveal()
	}
	for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnavailable, secrets.ErrInvalid, secrets.ErrClosed} {
		if errors.Is(err, class) {
			return "<" + class.Error() + ">"
		}
	}
	return "<no class>"
}

// all returns what has been yielded so far.
func (w *watching) all() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.seen...)
}

// told returns a resolver on a provider in memory that tells of changes.
func told(t testing.TB, docs map[string]string, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	p := secretstest.NewProvider(docs)
	return on(t, p, opts...), p
}

func TestWatch(t *testing.T) {
	t.Run("yields the current value first, and then each change", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		w := watch(t, r, "db")
		assert.Equal(t, []string{"one"}, w.all())
		for _, v := range []string{"two", "three"} {
			p.Set("db", v)
			time.Sleep(5 * time.Minute)
		}
		assert.Equal(t, []string{"one", "two", "three"}, w.all())
	}))

	t.Run("takes a new version of the same bytes for no change", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"user":"u","password":"p"}`})
		whole, user := watch(t, r, "db"), watch(t, r, "db#user")
		p.Set("db", `{"user":"u","password":"p"}`)
		time.Sleep(5 * time.Minute)
		assert.Len(t, whole.all(), 1)
		p.Set("db", `{"user":"u","password":"new"}`)
		time.Sleep(5 * time.Minute)
		assert.Len(t, whole.all(), 2)
		assert.Equal(t, []string{"u"}, user.all(), "another field's change is none of this name")
	}))

	t.Run("takes a failed refresh for no change", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		w := watch(t, r, "db")
		for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrUnauthenticated, secrets.ErrPermission, secrets.ErrInvalid} {
			p.Fail("db", class)
			time.Sleep(10 * time.Minute)
		}
		p.Panic("db", "boom")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"one"}, w.all())
		p.Heal()
		p.Set("db", "two")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, []string{"one", "two"}, w.all())
	}))

	t.Run("takes a value that has expired, and comes back the same, for no change", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour))
		w := watch(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(3 * time.Hour)
		p.Heal()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"one"}, w.all())
		p.Set("db", "two")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, []string{"one", "two"}, w.all(), "and goes on")
	}))

	t.Run("yields a deletion as ErrNotFound, once, and then the value that is there again", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		w := watch(t, r, "db")
		p.Delete("db")
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"one", "<not found>"}, w.all())
		p.Set("db", "one")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "<not found>", "one"}, w.all(), "the same bytes again are a change from nothing")
		p.Delete("db")
		time.Sleep(5*time.Minute + time.Second)
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "<not found>", "one", "<not found>", "two"}, w.all())
	}))

	t.Run("yields why there is no value at first, once, and the value when it comes", in(func(t *testing.T) {
		r, p := polled(t, nil)
		w := watch(t, r, "db")
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"<not found>"}, w.all())
		p.Set("db", "one")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"<not found>", "one"}, w.all())
	}))

	t.Run("yields that the backend is down at first, and the value soon after it is up", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		p.Fail("db", secrets.ErrUnavailable)
		w := watch(t, r, "db")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"<unavailable>"}, w.all())
		assert.LessOrEqual(t, p.Reads("db"), 150, "it does not hammer")
		p.Heal()
		time.Sleep(45 * time.Second)
		assert.Equal(t, []string{"<unavailable>", "one"}, w.all())
	}))

	t.Run("yields a malformed name's error and ends", in(func(t *testing.T) {
		r, p := polled(t, nil)
		w := watch(t, r, "/db")
		<-w.ended
		assert.Equal(t, []string{"<invalid>"}, w.all())
		assert.Zero(t, p.Calls().Reads)
	}))

	t.Run("follows a name from its parent to its own document and back", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"password":"parent"}`})
		w := watch(t, r, "db/password")
		p.Set("db/password", "own")
		time.Sleep(51 * time.Minute)
		assert.Equal(t, []string{"parent", "own"}, w.all())
		p.Delete("db/password")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, []string{"parent", "own", "parent"}, w.all())
	}))

	t.Run("sees a recreation that somebody else's Get has found", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Hour))
		w := watch(t, r, "db")
		p.Delete("db")
		time.Sleep(time.Hour)
		require.Equal(t, []string{"one", "<not found>"}, w.all())
		p.Set("db", "one")
		time.Sleep(3 * time.Second)
		assert.Equal(t, "one", value(t, r, "db"))
		assert.Equal(t, []string{"one", "<not found>", "one"}, w.all())
	}))

	t.Run("conflates changes that come faster than they are taken, to the latest", in(func(t *testing.T) {
		r, p := told(t, map[string]string{"db": "0"})
		next := make(chan string)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for s, err := range r.Watch(ctx, "db") {
				next <- said(s, err)
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

	t.Run("shares its reads with any number of others", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		for range 100 {
			watch(t, r, "db")
		}
		time.Sleep(time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 17)
	}))

	t.Run("keeps its name in use, though nobody asks", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		w := watch(t, r, "db")
		time.Sleep(24 * time.Hour)
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "two"}, w.all())
		p.Block("db")
		start := time.Now()
		assert.Equal(t, "two", value(t, r, "db"))
		assert.Equal(t, start, time.Now(), "Get does not wait")

		p.Heal()
		w.cancel()
		<-w.ended
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 6, "and no longer when it has ended")
	}))

	t.Run("of a name that was idle has it refreshed again", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		value(t, r, "db")
		time.Sleep(24 * time.Hour)
		w := watch(t, r, "db")
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, "two", w.all()[len(w.all())-1])
	}))

	t.Run("ends with its context, while it waits and while its first read does", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		w := watch(t, r, "db")
		p.Block("slow")
		slow := watch(t, r, "slow")
		w.cancel()
		slow.cancel()
		<-w.ended
		<-slow.ended
		assert.Empty(t, slow.all())
		p.Heal()
	}))

	t.Run("ends with the resolver", in(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"db": "one"})
		r := secrets.New(p, secrets.WithLogger(nil))
		held, missing := watch(t, r, "db"), watch(t, r, "missing")
		require.NoError(t, r.Close())
		<-held.ended
		<-missing.ended
		assert.Equal(t, []string{"one"}, held.all())
		assert.Equal(t, []string{"<not found>"}, missing.all())
	}))

	t.Run("with a TTL of zero reads seldom, and sees a change within seconds", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		w := watch(t, r, "db")
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, p.Reads("db"), 70)
		p.Set("db", "two")
		time.Sleep(3 * time.Second)
		assert.Equal(t, []string{"one", "two"}, w.all())
	}))

	t.Run("obeys a provider URI's ttl, also for a name that is missing", in(func(t *testing.T) {
		p := quiet(map[string]string{"db": "one"})
		r, err := secrets.Open(t.Context(), scheme(t, p)+"://?ttl=10s", secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		w, missing := watch(t, r, "db"), watch(t, r, "missing")
		p.Set("db", "two")
		p.Set("missing", "here")
		time.Sleep(11 * time.Second)
		assert.Equal(t, []string{"one", "two"}, w.all())
		assert.Equal(t, []string{"<not found>", "here"}, missing.all())
	}))
}

func TestWatchWhoseReaderStops(t *testing.T) {
	t.Run("ends when its reader stops, and lets go of the name", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one"})
		for s, err := range r.Watch(t.Context(), "db") {
			require.NoError(t, err)
			assert.Equal(t, "one", s.Reveal())
			break
		}
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 6)
		for range r.Watch(t.Context(), "missing") {
			break
		}
		_, names, _ := r.Held()
		assert.Equal(t, 1, names, "a missing name is not kept either")
	}))
}
