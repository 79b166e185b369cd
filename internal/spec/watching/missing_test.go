package watching

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// A provider that says that something is there is asked once a word.
func TestWatchOfAMissingName(t *testing.T) {
	t.Run("reads once for all that the provider tells meanwhile", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, nil)
		w := spectest.Watch(t, r, "db")
		release := p.Block("db")
		p.ResetCalls()
		p.Changed("db")
		synctest.Wait() // it reads
		for range 10 {
			p.Changed("db")
		}
		synctest.Wait()
		release()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"<not found>"}, w.All())
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("has one watch for each place, however often it is found missing", spectest.Bubble(func(t *testing.T) {
		p := &countedWatch{Provider: secretstest.NewProvider(nil)}
		r := spectest.On(t, p)
		spectest.Watch(t, r, "db/password")
		time.Sleep(time.Hour)
		assert.EqualValues(t, 2, p.running.Load(), "its own document and its parent")
		assert.Equal(t, 2, p.Calls().Watches)
	}))

	t.Run("has none while it is unknown whether it is missing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, nil)
		p.Fail("db", secrets.ErrUnavailable)
		spectest.Watch(t, r, "db")
		time.Sleep(time.Minute)
		assert.Zero(t, p.Calls().Watches)
	}))

	t.Run("whose watch fails is read no more often for it", spectest.Bubble(func(t *testing.T) {
		p := &brokenWatch{Provider: spectest.NewPolled(nil)}
		r := spectest.On(t, p)
		spectest.Watch(t, r, "db/password")
		time.Sleep(time.Minute)
		assert.Equal(t, int32(2), p.tried.Load())
		assert.Equal(t, 1, p.Reads("db/password"))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("is seen at once by the one of its watches that succeeded", spectest.Bubble(func(t *testing.T) {
		for _, broken := range []string{"db", "db/password"} {
			p := &halfWatch{countedWatch: countedWatch{Provider: secretstest.NewProvider(nil)}, broken: broken}
			r := spectest.On(t, p)
			_, err := r.Get(t.Context(), "db/password")
			require.ErrorIs(t, err, secrets.ErrNotFound)
			time.Sleep(time.Minute)
			p.beforeWatch = func() { // missing when it was read, and not watched yet
				p.Set("db", `{"password":"one"}`)
			}
			w := spectest.Watch(t, r, "db/password")
			time.Sleep(time.Second)
			assert.Equal(t, []string{"<not found>", "one"}, w.All(), "no watch of %s", broken)
		}
	}))
}

// halfWatch cannot watch one of its documents.
type halfWatch struct {
	countedWatch
	broken      string
	beforeWatch func()
}

func (p *halfWatch) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	if p.beforeWatch != nil {
		p.beforeWatch()
		p.beforeWatch = nil
	}
	if ref.Join() == p.broken {
		return errors.New("too many open files")
	}
	return p.countedWatch.Watch(ctx, ref, changed)
}
