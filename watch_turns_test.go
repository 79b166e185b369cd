package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// When a Watch asks again for a name that is not held. The times are drawn, so
// that many watches show their bounds.
func TestAWatchAsksAgain(t *testing.T) {
	names := spectest.Numbered("w", 40)
	watchAll := func(t *testing.T, r *secrets.Resolver) (all []*spectest.Watching) {
		for _, name := range names {
			all = append(all, spectest.Watch(t, r, name))
		}
		return all
	}
	t.Run("for what is denied in half a second to one and a half at first", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		for _, name := range names {
			p.Fail(name, secrets.ErrPermission)
		}
		watchAll(t, r)
		time.Sleep(499 * time.Millisecond)
		for _, name := range names {
			assert.Equal(t, 1, p.Reads(name))
		}
		time.Sleep(1002 * time.Millisecond)
		for _, name := range names {
			assert.GreaterOrEqual(t, p.Reads(name), 2)
		}
	}))
	t.Run("and after long in half a minute at most, and what is remembered for five seconds more", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		for _, name := range names {
			p.Fail(name, secrets.ErrPermission)
		}
		all := watchAll(t, r)
		time.Sleep(10 * time.Minute)
		p.Heal()
		for _, name := range names {
			p.Set(name, "here")
		}
		time.Sleep(36 * time.Second)
		for _, w := range all {
			assert.Equal(t, []string{"<permission denied>", "here"}, w.All())
		}
	}))
	t.Run("for what is missing within its TTL", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(time.Minute))
		all := watchAll(t, r)
		for _, name := range names {
			p.Set(name, "here")
		}
		time.Sleep(47 * time.Second)
		for _, name := range names {
			assert.Equal(t, 1, p.Reads(name), "nor much before that")
		}
		time.Sleep(13*time.Second + time.Millisecond)
		for _, w := range all {
			assert.Equal(t, []string{"<not found>", "here"}, w.All())
		}
	}))
	t.Run("once at most for what was just found to be gone", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		w := spectest.Watch(t, r, "db")
		p.Delete("db")
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"one", "<not found>"}, w.All())
		assert.LessOrEqual(t, p.Reads("db"), 3)
	}))
}

func TestAWatchThatEnds(t *testing.T) {
	t.Run("leaves the others of its name at work", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		first, second, third := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db")
		second.Cancel()
		<-second.Ended
		p.Set("db", "two")
		time.Sleep(61 * time.Second)
		third.Cancel()
		<-third.Ended
		p.Set("db", "three")
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"one", "two", "three"}, first.All())
		assert.Equal(t, []string{"one"}, second.All())
		assert.Equal(t, []string{"one", "two"}, third.All())
	}))
}

func TestWhatAWatchLeavesBehind(t *testing.T) {
	t.Run("leaves nothing behind of a name that is missing, and what is held as it is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithNegativeTTL(time.Second))
		for _, name := range []string{"db", "missing"} {
			w := spectest.Watch(t, r, name)
			w.Cancel()
			<-w.Ended
		}
		time.Sleep(5 * time.Second)
		documents, names, missing := r.Held()
		assert.Equal(t, []int{1, 1, 0}, []int{documents, names, missing})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
