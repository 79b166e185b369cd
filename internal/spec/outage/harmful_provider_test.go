package outage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// A harmful provider can do everything, and does harm in each call that its
// name is in.
type harmful struct {
	harm func() error

	mu sync.Mutex
	in map[string]bool
	n  int
}

// does has it do harm in these calls and no others.
func (h *harmful) does(in ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.in = make(map[string]bool)
	for _, name := range in {
		h.in[name] = true
	}
}

func (h *harmful) harms(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.in[name]
}

func (h *harmful) call(name string) error {
	if h.harms(name) {
		return h.harm()
	}
	return nil
}

func (h *harmful) value() secrets.Value {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	return secrets.Value{Data: []byte("one"), Expires: time.Now().Add(time.Minute), RefreshAt: time.Now().Add(30 * time.Second), Lease: h.n}
}

func (h *harmful) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	return h.value(), h.call("Fetch")
}

func (h *harmful) FetchBatch(_ context.Context, refs []secrets.Ref) []secrets.Result {
	err := h.call("FetchBatch")
	results := make([]secrets.Result, len(refs))
	for i := range results {
		results[i] = secrets.Result{Value: h.value(), Err: err}
	}
	return results
}

func (h *harmful) List(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := h.call("List"); err != nil || h.harms("List") {
			yield("", err)
			return
		}
		yield("db", nil)
	}
}

func (h *harmful) Watch(context.Context, secrets.Ref, func()) error { return h.call("Watch") }

func (h *harmful) Renew(context.Context, secrets.Value) (secrets.Value, error) {
	return h.value(), h.call("Renew")
}

func (h *harmful) Revoke(context.Context, secrets.Value) error { return h.call("Revoke") }

func (h *harmful) Close() error { return h.call("Close") }

// A thorn is an error whose methods panic, those of the list.
type thorn struct{ in string }

func (e *thorn) touch(method string) {
	if e == nil || strings.Contains(e.in, method) {
		panic("hunter2")
	}
}

func (e *thorn) Error() string { e.touch("Error"); return "a thorn" }

func (e *thorn) Is(target error) bool { e.touch("Is"); return target == secrets.ErrThrottled }

func (e *thorn) As(any) bool { e.touch("As"); return false }

func (e *thorn) Unwrap() error { e.touch("Unwrap"); return nil }

func (e *thorn) RetryAfter() time.Duration { e.touch("RetryAfter"); return time.Millisecond }

func (e *thorn) Permission() string { e.touch("Permission"); return "" }

func (e *thorn) Unspellable() bool { e.touch("Unspellable"); return false }

func (e *thorn) LogValue() slog.Value { e.touch("LogValue"); return slog.StringValue("a thorn") }

func (e *thorn) Format(s fmt.State, _ rune) { e.touch("Format"); _, _ = s.Write([]byte("a thorn")) }

// round is an error that is its own cause.
type round struct{ error }

func (e *round) Unwrap() error { return e }

// harms are what a provider may do to who calls it.
var harms = map[string]func() error{
	"panics":                       func() error { panic("hunter2") },
	"panics with nil":              func() error { panic(nil) },
	"ends its goroutine":           func() error { runtime.Goexit(); return nil },
	"returns a typed nil":          func() error { return (*thorn)(nil) },
	"returns an error like others": func() error { return fmt.Errorf("%w: sealed", secrets.ErrUnavailable) },
	"returns its own cause":        func() error { return &round{errors.New("round and round")} },
}

func init() {
	for _, method := range []string{"Error", "Is", "As", "Unwrap", "RetryAfter", "Permission", "Unspellable", "LogValue", "Format"} {
		harms["returns an error whose "+method+" panics"] = func() error { return fmt.Errorf("wrapped: %w", &thorn{in: method}) }
	}
	harms["returns an error all of whose methods panic"] = func() error {
		return errors.Join(errors.New("other"), &thorn{in: "Error Is As Unwrap RetryAfter Permission Unspellable LogValue Format"})
	}
}

// touched has everything done with an error that anybody may do.
func touched(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, class := range []error{
		secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable,
		secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed, errors.ErrUnsupported,
	} {
		_ = errors.Is(err, class)
	}
	var e *secrets.Error
	require.ErrorAs(t, err, &e)
	var after interface{ RetryAfter() time.Duration }
	if errors.As(err, &after) {
		_ = after.RetryAfter()
	}
	var missing interface{ Permission() string }
	if errors.As(err, &missing) {
		_ = missing.Permission()
	}
	var timeout interface{ Timeout() bool }
	_ = errors.As(err, &timeout)
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Error("failed", "error", err, slog.Any("cause", e.Err))
	slog.New(slog.NewTextHandler(&out, nil)).Error("failed", "error", err, slog.Any("cause", e.Err))
	text := err.Error() + fmt.Sprintf("%v %+v %#v", err, err, err) + out.String()
	assert.NotContains(t, text, "hunter2")
	assert.NotContains(t, text, "PANIC", "no printer met a panic")
}

func TestWhateverAProviderDoes(t *testing.T) {
	for what, harm := range harms {
		doing := func(in ...string) *harmful {
			h := &harmful{harm: harm}
			h.does(in...)
			return h
		}
		resolver := func(t *testing.T, p secrets.Provider) *secrets.Resolver {
			var out strings.Builder
			r := secrets.New(p, secrets.WithLogger(slog.New(slog.NewJSONHandler(&out, nil))), secrets.WithObserver(func(_ context.Context, e secrets.Event) {
				if e.Err != nil {
					_ = e.Err.Error()
				}
			}))
			t.Cleanup(func() {
				require.NoError(t, r.Close())
				assert.NotContains(t, out.String(), "hunter2")
			})
			return r
		}
		healthy := func(t *testing.T, r *secrets.Resolver) {
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			for _, s := range r.Status() {
				assert.Equal(t, secrets.StateFresh, s.State)
			}
			require.NoError(t, r.Healthy())
		}

		t.Run("a provider that "+what+" fails a cold read in time, and the next is tried", spectest.Bubble(func(t *testing.T) {
			h := doing("Fetch")
			r := resolver(t, h)
			start := time.Now()
			_, err := r.Get(t.Context(), "db")
			assert.LessOrEqual(t, time.Since(start), 10*time.Second)
			touched(t, err)
			touched(t, r.Healthy())
			_, err = r.Get(t.Context(), "db") // what is remembered
			touched(t, err)
			_ = spectest.StatusOf(t, r, "db")
			h.does()
			time.Sleep(10 * time.Second)
			healthy(t, r)
		}))

		t.Run("a provider that "+what+" fails a batch in time, and the next is tried", spectest.Bubble(func(t *testing.T) {
			h := doing("FetchBatch")
			r := resolver(t, h)
			start := time.Now()
			err := r.Preload(t.Context(), "db", "other")
			assert.LessOrEqual(t, time.Since(start), 10*time.Second)
			touched(t, err)
			h.does()
			time.Sleep(10 * time.Second)
			require.NoError(t, r.Preload(t.Context(), "db", "other"))
			healthy(t, r)
		}))

		t.Run("a provider that "+what+" in a refresh leaves what is held, says so, and is asked again", spectest.Bubble(func(t *testing.T) {
			h := doing()
			r := resolver(t, h)
			healthy(t, r)
			synctest.Wait() // the watch has it read again
			h.does("Fetch", "FetchBatch", "Renew", "Watch")
			_, err := r.Refresh(t.Context(), "db")
			touched(t, err)
			time.Sleep(35 * time.Second)
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			s := spectest.StatusOf(t, r, "db")
			assert.Equal(t, secrets.StateStale, s.State)
			assert.NotContains(t, s.LastError, "hunter2")
			h.does()
			stop := spectest.KeepUsing(t, r, "db")
			time.Sleep(time.Minute)
			stop()
			healthy(t, r)
		}))

		t.Run("a provider that "+what+" in List ends it with an error", spectest.Bubble(func(t *testing.T) {
			r := resolver(t, doing("List"))
			var err error
			for _, err = range r.List(t.Context(), "") {
			}
			touched(t, err)
		}))

		t.Run("a provider that "+what+" as it revokes or closes lets Close return", spectest.Bubble(func(t *testing.T) {
			h := doing("Revoke", "Close")
			s := spectest.Scheme(t, h)
			r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
			require.NoError(t, err)
			healthy(t, r)
			start := time.Now()
			err = r.Close()
			assert.Less(t, time.Since(start), time.Second)
			touched(t, errors.Unwrap(fmt.Errorf("%w", err)))
		}))

		t.Run("an Opener that "+what+" fails a read in time, and is called again", spectest.Bubble(func(t *testing.T) {
			harm := harm
			_, s := spectest.Opener(t, func() (secrets.Provider, error) { return &harmful{}, harm() })
			r, err := secrets.Open(t.Context(), s+"://", secrets.WithLogger(nil))
			require.NoError(t, err)
			defer r.Close()
			_, err = r.Get(t.Context(), "db")
			touched(t, err)
			touched(t, r.Preload(t.Context(), "db", "other"))
			for _, err = range r.List(t.Context(), "") {
			}
			touched(t, err)
			harm = func() error { return nil }
			time.Sleep(10 * time.Second)
			require.NoError(t, r.Preload(t.Context(), "db", "other"))
			healthy(t, r)
		}))
	}
}

func TestAnErrorOfAProvider(t *testing.T) {
	type cause struct{ error }

	t.Run("is found by its class and as what it is", spectest.Bubble(func(t *testing.T) {
		r := secrets.New(spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
			return secrets.Value{}, fmt.Errorf("%w: %w", secrets.ErrPermission, cause{errors.New("no policy")})
		}), secrets.WithLogger(nil))
		defer r.Close()
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		require.NotErrorIs(t, err, secrets.ErrUnavailable)
		var found cause
		require.ErrorAs(t, err, &found)
	}))

	t.Run("keeps the class that it can tell though others of its methods panic", spectest.Bubble(func(t *testing.T) {
		for _, method := range []string{"Error", "RetryAfter", "Permission", "LogValue", "Format"} {
			r := secrets.New(spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
				return secrets.Value{}, &thorn{in: method}
			}), secrets.WithLogger(nil))
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrThrottled, method)
			require.NoError(t, r.Close())
		}
	}))
}
