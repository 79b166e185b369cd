package refreshing

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// A selfTold provider tells its watchers of a change whenever it is read.
type selfTold struct {
	answer func(read int64) (secrets.Value, error)
	reads  atomic.Int64

	mu      sync.Mutex
	changed []func()
}

func (p *selfTold) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	n := p.reads.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, changed := range p.changed {
		go changed()
	}
	return p.answer(n)
}

func (p *selfTold) Watch(_ context.Context, _ secrets.Ref, changed func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = append(p.changed, changed)
	return nil
}

func TestNothingReadsWithoutAPause(t *testing.T) {
	same := func(int64) (secrets.Value, error) { return secrets.Value{Data: []byte("v"), Version: "v1"}, nil }
	answers := map[string]func(int64) (secrets.Value, error){
		"the same": same,
		"another each time": func(n int64) (secrets.Value, error) {
			return secrets.Value{Data: fmt.Appendf(nil, "%d", n), Version: fmt.Sprint(n)}, nil
		},
		"at its end at once": func(int64) (secrets.Value, error) {
			return secrets.Value{Data: []byte("v"), Version: "v1", Expires: time.Now().Add(time.Nanosecond), RefreshAt: time.Now().Add(time.Nanosecond)}, nil
		},
		"a failure after the first": func(n int64) (secrets.Value, error) {
			if n > 1 {
				return secrets.Value{}, secrets.ErrUnavailable
			}
			return same(n)
		},
		"its absence": func(int64) (secrets.Value, error) { return secrets.Value{}, secrets.ErrNotFound },
		"its absence after the first": func(n int64) (secrets.Value, error) {
			if n > 1 {
				return secrets.Value{}, secrets.ErrNotFound
			}
			return same(n)
		},
	}
	type config struct {
		A string `secret:"a,default=x"`
		B string `secret:"b,optional"`
	}
	follow := map[string]func(ctx context.Context, r *secrets.Resolver){
		"Watch": func(ctx context.Context, r *secrets.Resolver) {
			for range r.Watch(ctx, "a") {
			}
		},
		"Bind": func(ctx context.Context, r *secrets.Resolver) {
			if live, err := secrets.Bind[string](ctx, r, "a", nil); err == nil {
				context.AfterFunc(ctx, live.Stop)
			}
		},
		"BindStruct": func(ctx context.Context, r *secrets.Resolver) {
			if live, err := secrets.BindStruct[config](ctx, r); err == nil {
				context.AfterFunc(ctx, live.Stop)
			}
		},
	}
	options := map[string][]secrets.Option{
		"a TTL of five minutes":   nil,
		"a TTL of a millisecond":  {secrets.WithTTL(time.Millisecond)},
		"a TTL of zero":           {secrets.WithTTL(0)},
		"a short memory":          {secrets.WithNegativeTTL(time.Millisecond)},
		"little time to be stale": {secrets.WithMaxStale(time.Millisecond)},
		"all on demand":           {secrets.WithOnDemand(), secrets.WithTTL(time.Millisecond)},
	}
	for told, answer := range answers {
		for way, follow := range follow {
			for with, options := range options {
				t.Run(way+" of a provider that tells of its own reads, and answers "+told+", with "+with, spectest.Bubble(func(t *testing.T) {
					p := &selfTold{answer: answer}
					r := secrets.New(p, append(options, secrets.WithLogger(nil))...)
					ctx, cancel := context.WithCancel(t.Context())
					done := make(chan struct{})
					go func() {
						defer close(done)
						follow(ctx, r)
					}()
					time.Sleep(10 * time.Second)
					assert.Less(t, p.reads.Load(), int64(2500), "reads in ten seconds of two documents")
					cancel()
					<-done
					require.NoError(t, r.Close())
				}))
			}
		}
	}
}

func TestAChangeIsSeenAtOnceThoughOthersCameBefore(t *testing.T) {
	t.Run("", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"a": "0"})
		live, err := secrets.Bind[string](t.Context(), r, "a", nil)
		require.NoError(t, err)
		for i := range 100 {
			p.Set("a", fmt.Sprint(i))
			time.Sleep(2 * time.Second)
		}
		p.Set("a", "last")
		time.Sleep(time.Millisecond)
		assert.Equal(t, "last", live.Get())
		for i := range 1000 {
			p.Set("a", fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		assert.Equal(t, "999", live.Get(), "a second after a storm")
	}))
}
