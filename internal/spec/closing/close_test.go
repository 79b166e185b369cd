package closing

import (
	"context"
	"errors"
	"io"
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

func TestClose(t *testing.T) {
	t.Run("may be called again, also at the same time", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { assert.NoError(t, r.Close()) })
		}
		wg.Wait()
		assert.NoError(t, r.Close())
		assert.NoError(t, r.Detach())
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("makes every method ErrClosed, of held names and of others", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"held": "one", "other": "two"})
		held, err := r.Get(t.Context(), "held")
		require.NoError(t, err)
		require.NoError(t, r.Close())
		before := p.Calls()
		ctx := t.Context()

		for _, name := range []string{"held", "other", "missing"} {
			_, err := r.Get(ctx, name)
			assert.ErrorIs(t, err, secrets.ErrClosed, "Get")
			var e *secrets.Error
			if assert.ErrorAs(t, err, &e) {
				assert.Equal(t, name, e.Name)
			}
			assert.ErrorIs(t, r.Preload(ctx, name), secrets.ErrClosed, "Preload")
			_, err = r.Refresh(ctx, name)
			assert.ErrorIs(t, err, secrets.ErrClosed, "Refresh")
			err = r.Retry(ctx, name, func(error) bool { return false }, func(context.Context, secrets.Secret) error { return nil })
			assert.ErrorIs(t, err, secrets.ErrClosed, "Retry")
			_, err = secrets.Bind[string](ctx, r, name, nil)
			assert.ErrorIs(t, err, secrets.ErrClosed, "Bind")
			yields := 0
			for s, err := range r.Watch(ctx, name) {
				yields++
				assert.True(t, s.IsZero())
				assert.ErrorIs(t, err, secrets.ErrClosed, "Watch")
			}
			assert.Equal(t, 1, yields, "Watch tells it and ends")
		}
		var dst struct {
			Held string `secret:"held,optional"`
		}
		assert.ErrorIs(t, r.Load(ctx, &dst), secrets.ErrClosed, "Load")
		_, err = secrets.BindStruct[struct {
			Held string `secret:"held,default=x"`
		}](ctx, r)
		assert.ErrorIs(t, err, secrets.ErrClosed, "BindStruct")
		assert.ErrorIs(t, r.Healthy(), secrets.ErrClosed, "Healthy")
		yields := 0
		for name, err := range r.List(ctx, "") {
			yields++
			assert.Empty(t, name)
			assert.ErrorIs(t, err, secrets.ErrClosed, "List")
		}
		assert.Equal(t, 1, yields, "List tells it and ends")
		assert.NotPanics(t, func() { r.Invalidate(held); r.Status() })
		synctest.Wait()
		assert.Equal(t, before, p.Calls(), "nothing is asked after Close")
	}))

	t.Run("leaves Secrets that were handed out as they are", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": `{"user":"app"}`})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		require.NoError(t, r.Close())
		user, err := s.Field("user")
		require.NoError(t, err)
		assert.Equal(t, "app", user.Reveal())
	}))

	t.Run("ends refreshing, watches and Lives", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"db": "one", "api": "two"})
		r := secrets.New(p, secrets.WithLogger(nil))
		spectest.Get(t, r, "db")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range r.Watch(context.Background(), "api") {
			}
		}()
		live, err := secrets.Bind[string](t.Context(), r, "db", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, r.Close())
		<-ended
		p.ResetCalls()
		p.Set("db", "new")
		time.Sleep(time.Hour)
		assert.Equal(t, "one", live.Get(), "a Live keeps its last value")
		assert.Equal(t, secretstest.Calls{}, p.Calls())
	}))

	t.Run("ends a Get that waits for its backend", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Block("db")
		got := make(chan error)
		go func() {
			_, err := r.Get(context.Background(), "db")
			got <- err
		}()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, r.Close())
		assert.ErrorIs(t, <-got, secrets.ErrClosed)
		assert.Less(t, time.Since(start), 100*time.Millisecond)
	}))

	t.Run("ends callers that queue behind 32 others, and a Preload", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Disable(secretstest.Batch)
		p.Block(secretstest.All)
		var wg sync.WaitGroup
		for i := range 100 {
			name := string(rune('a'+i%26)) + string(rune('a'+i/26))
			wg.Go(func() {
				_, err := r.Get(context.Background(), name)
				assert.ErrorIs(t, err, secrets.ErrClosed)
			})
		}
		wg.Go(func() { assert.ErrorIs(t, r.Preload(context.Background(), "x", "y"), secrets.ErrClosed) })
		synctest.Wait()
		require.NoError(t, r.Close())
		wg.Wait()
	}))

	t.Run("waits five seconds for a provider that does not look at its context, and says so", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(nil)
		hang := make(chan struct{})
		p.SetFunc("db", func(context.Context) (secrets.Value, error) {
			<-hang
			return secrets.Value{Data: []byte("late")}, nil
		})
		r := secrets.New(p, secrets.WithLogger(nil))
		got := make(chan error, 1)
		var ended time.Time
		go func() {
			_, err := r.Get(context.Background(), "db")
			ended = time.Now()
			got <- err
		}()
		synctest.Wait()
		start := time.Now()
		err := r.Close()
		assert.LessOrEqual(t, time.Since(start), 5*time.Second)
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.NoError(t, r.Close())
		assert.ErrorIs(t, <-got, secrets.ErrClosed, "nobody waits for it after Close")
		assert.Equal(t, start, ended, "nor while Close waits")
		close(hang)
	}))

	t.Run("of a provider that hangs as it closes takes five seconds", spectest.Bubble(func(t *testing.T) {
		hang := make(chan struct{})
		s := spectest.Scheme(t, &closing{close: func() error { <-hang; return nil }})
		r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		spectest.Get(t, r, "db")
		start := time.Now()
		err = r.Close()
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
		close(hang)
	}))

	t.Run("closes each provider that Open opened once, and returns what it says", spectest.Bubble(func(t *testing.T) {
		broken := errors.New("the socket is gone")
		var closed atomic.Int32
		s := spectest.Scheme(t, &closing{close: func() error { closed.Add(1); return broken }})
		r, err := secrets.Open(t.Context(), s+"://a "+s+"://b", secrets.WithLogger(nil))
		require.NoError(t, err)
		spectest.Get(t, r, "db")
		err = r.Close()
		assert.ErrorIs(t, err, broken)
		assert.ErrorContains(t, err, s)
		assert.NoError(t, r.Close())
		assert.EqualValues(t, 1, closed.Load())
	}))

	t.Run("survives a provider that panics as it closes", spectest.Bubble(func(t *testing.T) {
		s := spectest.Scheme(t, &closing{close: func() error { panic("boom") }})
		r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		spectest.Get(t, r, "db")
		err = r.Close()
		assert.Error(t, err)
		assert.NotContains(t, err.Error(), "boom")
	}))

	t.Run("is Detach for a provider that keeps its login alive, and Close for others", spectest.Bubble(func(t *testing.T) {
		detached := &detaching{closing: closing{close: func() error { return errors.New("logged out") }}}
		closed := false
		s, other := spectest.Scheme(t, detached), spectest.Scheme(t, &closing{close: func() error { closed = true; return nil }})
		r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil), secrets.WithReferences(map[string]string{"other": other + "://x"}))
		require.NoError(t, err)
		spectest.Get(t, r, "db")
		spectest.Get(t, r, "other")
		require.NoError(t, r.Detach())
		assert.True(t, detached.done)
		assert.True(t, closed)
	}))

	t.Run("leaves a provider that New was given to its owner", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		require.NoError(t, r.Close())
		assert.Zero(t, p.Calls().Closes)
	}))

	t.Run("opens nothing that was not needed before", spectest.Bubble(func(t *testing.T) {
		opened, s := spectest.Opener(t, func() (secrets.Provider, error) { return secretstest.NewProvider(nil), nil })
		r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		require.NoError(t, r.Close())
		assert.Zero(t, opened.Load())
	}))

	t.Run("closes a provider whose opening was under way", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"db": "one"})
		release := make(chan struct{})
		_, s := spectest.Opener(t, func() (secrets.Provider, error) { <-release; return p, nil })
		r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
		require.NoError(t, err)
		go func() { _, _ = r.Get(context.Background(), "db") }()
		synctest.Wait()
		go func() {
			time.Sleep(time.Second)
			close(release)
		}()
		require.NoError(t, r.Close())
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().Closes)
	}))

	t.Run("at any moment among a crowd of readers gives each a value or ErrClosed", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			p := secretstest.NewProvider(map[string]string{"a": "1", "b": "2", "db": `{"user":"u"}`})
			r := secrets.New(p, secrets.WithLogger(nil), secrets.WithTTL(time.Millisecond))
			var wg sync.WaitGroup
			for _, name := range []string{"a", "b", "db#user", "db/user", "nope"} {
				for range 4 {
					wg.Go(func() {
						for {
							_, err := r.Get(context.Background(), name)
							if errors.Is(err, secrets.ErrClosed) {
								return
							}
							if name != "nope" && !assert.NoError(t, err) {
								return
							}
							_, _ = r.Refresh(context.Background(), name)
						}
					})
				}
			}
			for range 3 {
				wg.Go(func() { assert.NoError(t, r.Close()) })
			}
			wg.Wait()
		}
	})
}

// closing is a provider with one document and a Close of the test's.
type closing struct{ close func() error }

var _ io.Closer = (*closing)(nil)

func (*closing) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	return secrets.Value{Data: []byte("one")}, nil
}

func (c *closing) Close() error { return c.close() }

// detaching has a login that outlives Detach.
type detaching struct {
	closing
	done bool
}

func (d *detaching) Detach() error { d.done = true; return nil }
