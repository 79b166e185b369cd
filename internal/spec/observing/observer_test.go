package observing

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
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

// handling is a log handler that is a func.
type handling func(slog.Record)

func (h handling) Enabled(context.Context, slog.Level) bool { return true }

func (h handling) Handle(_ context.Context, r slog.Record) error {
	h(r)
	return nil
}

func (h handling) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h handling) WithGroup(string) slog.Handler { return h }

func TestWhoeverIsToldDelaysNoRead(t *testing.T) {
	for what, harm := range map[string]func(r *secrets.Resolver){
		"is slow":            func(*secrets.Resolver) { time.Sleep(time.Hour) },
		"panics":             func(*secrets.Resolver) { panic("hunter2") },
		"ends its goroutine": func(*secrets.Resolver) { runtime.Goexit() },
		"asks for a cold name": func(r *secrets.Resolver) {
			time.Sleep(time.Second) // each read is told again
			_, _ = r.Get(context.Background(), fmt.Sprint("cold", time.Now()))
		},
		"refreshes what it is told of": func(r *secrets.Resolver) {
			time.Sleep(time.Second) // each refresh is told again
			_, _ = r.Refresh(context.Background(), "db")
		},
		"looks at the status": func(r *secrets.Resolver) { _, _ = r.Status(), r.Healthy() },
	} {
		for who, option := range map[string]func(f func()) []secrets.Option{
			"an observer": func(f func()) []secrets.Option {
				return []secrets.Option{secrets.WithObserver(func(context.Context, secrets.Event) { f() })}
			},
			"a log handler": func(f func()) []secrets.Option {
				return []secrets.Option{secrets.WithLogger(slog.New(handling(func(slog.Record) { f() })))}
			},
		} {
			t.Run(who+" that "+what, spectest.Bubble(func(t *testing.T) {
				var r *secrets.Resolver
				var calls atomic.Int64
				p := spectest.NewPolled(map[string]string{"db": "one", "other": "o"})
				r = secrets.New(p, append([]secrets.Option{secrets.WithLogger(nil), secrets.WithTTL(time.Minute)}, option(func() {
					calls.Add(1)
					harm(r)
				})...)...)
				defer r.Close()
				start := time.Now()
				assert.Equal(t, "one", spectest.Get(t, r, "db"))
				assert.Equal(t, "o", spectest.Get(t, r, "other"))
				assert.Zero(t, time.Since(start))
				stop := spectest.KeepUsing(t, r, "db")
				p.Set("db", "two")
				time.Sleep(70 * time.Second)
				stop()
				assert.Equal(t, "two", spectest.Get(t, r, "db"), "it is refreshed")
				_, err := r.Refresh(t.Context(), "db")
				require.NoError(t, err)
				assert.Positive(t, calls.Load())
				start = time.Now()
				_ = r.Close()
				assert.Less(t, time.Since(start), 5*time.Second)
				time.Sleep(24 * time.Hour) // so that the slow ones end
			}))
		}
	}

	t.Run("an observer is told in order, after what happened, and all of it before Close returns", spectest.Bubble(func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		var r *secrets.Resolver
		p := spectest.NewPolled(map[string]string{"db": "one"})
		r = secrets.New(p, secrets.WithLogger(nil), secrets.WithObserver(func(ctx context.Context, e secrets.Event) {
			s, err := r.Get(ctx, "db")
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(e.Kind, " ", s.Reveal()))
			time.Sleep(10 * time.Millisecond)
		}))
		defer r.Close()
		spectest.Get(t, r, "db")
		synctest.Wait()
		for _, text := range []string{"two", "three"} {
			p.Set("db", text)
			_, err := r.Refresh(t.Context(), "db")
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		require.NoError(t, r.Close())
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, []string{"read one", "read two", "changed two", "read three", "changed three"}, told)
	}))

	t.Run("an observer that is too slow misses the oldest, and the log tells how many", spectest.Bubble(func(t *testing.T) {
		var out strings.Builder
		var mu sync.Mutex
		var last secrets.EventKind
		count := 0
		release := make(chan struct{})
		p := spectest.NewPolled(map[string]string{"db": "one"})
		r := secrets.New(p, secrets.WithLogger(slog.New(slog.NewTextHandler(&out, nil))), secrets.WithObserver(func(_ context.Context, e secrets.Event) {
			<-release
			mu.Lock()
			defer mu.Unlock()
			last = e.Kind
			count++
		}))
		for i := range 1500 {
			_, _ = r.Refresh(t.Context(), fmt.Sprint("none", i))
		}
		spectest.Get(t, r, "db")
		p.Set("db", "two")
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		close(release)
		require.NoError(t, r.Close())
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, secrets.EventChanged, last)
		assert.Equal(t, 1001, count)
		assert.Contains(t, out.String(), "events were dropped")
	}))

	t.Run("a panic of an observer is logged, without its value", spectest.Bubble(func(t *testing.T) {
		var out strings.Builder
		r := secrets.New(spectest.NewPolled(map[string]string{"db": "one"}), secrets.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
			secrets.WithObserver(func(context.Context, secrets.Event) { panic("hunter2") }))
		spectest.Get(t, r, "db")
		require.NoError(t, r.Close())
		assert.Contains(t, out.String(), "the observer panicked")
		assert.NotContains(t, out.String(), "hunter2")
	}))

	t.Run("a log that blocks is waited for by Close for a second", spectest.Bubble(func(t *testing.T) {
		reader, writer := io.Pipe()
		p := spectest.NewPolled(map[string]string{"db": "one"})
		r := secrets.New(p, secrets.WithLogger(slog.New(slog.NewTextHandler(writer, nil))))
		spectest.Get(t, r, "db")
		p.Set("db", "two")
		_, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		start := time.Now()
		require.ErrorContains(t, r.Close(), "does not return")
		assert.Equal(t, time.Second, time.Since(start))
		_ = reader.Close()
	}))
}
