package watching

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestWatchOnDemand(t *testing.T) {
	t.Run("reads in the watcher's own goroutine, once a TTL", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand())
		w := spectest.Watch(t, r, "db")
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
		p.Delete("db")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "two", "<not found>"}, w.All())
		p.Set("db", "three")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "two", "<not found>", "three"}, w.All())
		p.ResetCalls()
		time.Sleep(time.Hour)
		assert.InDelta(t, 13, p.Reads("db"), 3)
	}))
	t.Run("leaves a failing backend alone between its tries", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand())
		w := spectest.Watch(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(65 * time.Minute)
		assert.Less(t, p.Reads("db"), 400)
		p.Heal()
		p.Set("db", "two")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))
	t.Run("asks no provider to watch", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": "one"}, secrets.WithOnDemand())
		spectest.Get(t, r, "db")
		spectest.Watch(t, r, "db")
		spectest.Watch(t, r, "missing")
		assert.Zero(t, p.Calls().Watches)
	}))
}

func TestProvidersWatch(t *testing.T) {
	t.Run("makes a change visible at once, to Get and to Watch", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": "one"})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		w := spectest.Watch(t, r, "db")
		for i := range 20 {
			v := fmt.Sprint(i)
			p.Set("db", v)
			synctest.Wait()
			assert.Equal(t, v, spectest.Get(t, r, "db"))
			assert.Equal(t, v, w.All()[i+1])
		}
	}))

	t.Run("makes a deletion and a recreation visible at once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": "one"})
		w := spectest.Watch(t, r, "db")
		want := []string{"one"}
		for i := range 5 {
			p.Delete("db")
			assert.Equal(t, append(want, "<not found>"), w.All(), "deleted, round %d", i)
			p.Set("db", "one")
			want = append(want, "<not found>", "one")
			assert.Equal(t, want, w.All(), "recreated, round %d", i)
		}
	}))

	t.Run("makes a name that was missing at first visible at once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, nil)
		w, field := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db/password")
		p.Set("db", `{"password":"one"}`)
		assert.Equal(t, []string{"<not found>", `{"password":"one"}`}, w.All())
		assert.Equal(t, []string{"<not found>", "one"}, field.All())
	}))

	t.Run("a name that comes while its watch is set up is not lost", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, nil)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		time.Sleep(time.Minute)
		p.Delay("db", time.Second) // both the read and the watch take their time
		w := spectest.Watch(t, r, "db")
		time.Sleep(1500 * time.Millisecond)
		assert.Equal(t, []string{"<not found>"}, w.All())
		p.Set("db", "one") // missing when it was read, and not watched yet
		time.Sleep(5 * time.Second)
		assert.Equal(t, []string{"<not found>", "one"}, w.All())
	}))

	t.Run("a change while the document is being read is not lost", spectest.Bubble(func(t *testing.T) {
		p := new(slowSnapshot)
		p.set("one")
		r := spectest.On(t, p)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		synctest.Wait()
		p.set("two") // the refresh takes what is there now, and then its time
		time.Sleep(50 * time.Millisecond)
		p.set("three")
		time.Sleep(time.Second)
		assert.Equal(t, "three", spectest.Get(t, r, "db"))
	}))

	t.Run("a change between the first read and the watch is not lost", spectest.Bubble(func(t *testing.T) {
		p := new(slowSnapshot)
		p.set("one")
		r := spectest.On(t, p)
		got := make(chan string)
		go func() { got <- spectest.Get(t, r, "db") }()
		time.Sleep(50 * time.Millisecond)
		p.set("two") // nobody watches yet
		assert.Equal(t, "one", <-got)
		time.Sleep(time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("that fails is tried again, and polling goes on beside it", spectest.Bubble(func(t *testing.T) {
		p := &brokenWatch{Provider: spectest.NewPolled(map[string]string{"db": "one"})}
		r := spectest.On(t, p)
		w := spectest.Watch(t, r, "db")
		p.Set("db", "two")
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
		assert.GreaterOrEqual(t, p.tried.Load(), int32(2))
	}))

	t.Run("is asked for once a document, not once a name or read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": `{"a":"1","b":"2"}`})
		spectest.Get(t, r, "db#a")
		spectest.Get(t, r, "db#b")
		spectest.KeepUsing(t, r, "db#a")
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Calls().Watches)
	}))

	t.Run("ends for a document that is no longer held, and for a missing name that has come", spectest.Bubble(func(t *testing.T) {
		p := &countedWatch{Provider: secretstest.NewProvider(nil)}
		r := secrets.New(p, secrets.WithLogger(nil))
		w := spectest.Watch(t, r, "db")
		for range 10 {
			p.Set("db", "one")
			synctest.Wait()
			p.Delete("db")
			synctest.Wait()
		}
		p.Set("db", "one")
		synctest.Wait()
		assert.EqualValues(t, 1, p.running.Load())
		require.Equal(t, "one", w.All()[len(w.All())-1])
		require.NoError(t, r.Close())
		synctest.Wait()
		assert.Zero(t, p.running.Load())
	}))

	t.Run("with a TTL of zero has the watcher read at once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		w := spectest.Watch(t, r, "db")
		p.Set("db", "two")
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))
}

// slowSnapshot holds one document. A read takes what is there when it begins
// and then 100 ms, as one from a file that is replaced meanwhile.
type slowSnapshot struct {
	mu      sync.Mutex
	data    string
	changed []func()
}

func (p *slowSnapshot) set(data string) {
	p.mu.Lock()
	p.data = data
	tell := append([]func(){}, p.changed...)
	p.mu.Unlock()
	for _, changed := range tell {
		changed()
	}
}

func (p *slowSnapshot) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	p.mu.Lock()
	data := p.data
	p.mu.Unlock()
	if ref.Path != "db" {
		return secrets.Value{}, secrets.ErrNotFound
	}
	select {
	case <-time.After(100 * time.Millisecond):
		return secrets.Value{Data: []byte(data)}, nil
	case <-ctx.Done():
		return secrets.Value{}, ctx.Err()
	}
}

func (p *slowSnapshot) Watch(_ context.Context, _ secrets.Ref, changed func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = append(p.changed, changed)
	return nil
}

// brokenWatch cannot set up a watch.
type brokenWatch struct {
	*secretstest.Provider
	tried atomic.Int32
}

func (p *brokenWatch) Watch(context.Context, secrets.Ref, func()) error {
	p.tried.Add(1)
	return errors.New("too many open files")
}

// countedWatch counts the watches that have not ended.
type countedWatch struct {
	*secretstest.Provider
	running atomic.Int32
}

func (p *countedWatch) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	p.running.Add(1)
	context.AfterFunc(ctx, func() { p.running.Add(-1) })
	return p.Provider.Watch(ctx, ref, changed)
}

func TestAProviderThatCannotWatch(t *testing.T) {
	t.Run("for ever is asked once a document", spectest.Bubble(func(t *testing.T) {
		p := &unwatchable{Provider: spectest.NewPolled(map[string]string{"db": "one", "other": "one"}), err: errors.ErrUnsupported}
		r := spectest.On(t, p, secrets.WithTTL(time.Minute))
		spectest.Watch(t, r, "db")
		for _, name := range []string{"db", "other", "db"} {
			spectest.Get(t, r, name)
		}
		spectest.KeepUsing(t, r, "db", "other")
		time.Sleep(time.Hour)
		assert.Greater(t, p.Reads("db"), 50)
		assert.EqualValues(t, 2, p.asked.Load())
	}))

	t.Run("because the document is not there is asked again after the next read", spectest.Bubble(func(t *testing.T) {
		p := &unwatchable{Provider: spectest.NewPolled(map[string]string{"db": "one"}), err: secrets.ErrNotFound}
		r := spectest.On(t, p)
		spectest.Watch(t, r, "db")
		time.Sleep(time.Hour)
		assert.Greater(t, p.asked.Load(), int32(10))
	}))
}

// unwatchable fails to watch, in the way that err says.
type unwatchable struct {
	*secretstest.Provider
	err   error
	asked atomic.Int32
}

func (p *unwatchable) Watch(context.Context, secrets.Ref, func()) error {
	p.asked.Add(1)
	return p.err
}
