package binding

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// fragile panics, ends its goroutine, or returns an error that is no good, over
// what it does not like.
type fragile string

func (f *fragile) UnmarshalText(text []byte) error {
	_, err := fragileText(string(text))
	*f = fragile(text)
	return err
}

func fragileText(text string) (string, error) {
	switch {
	case len(text) > 5 && text[:5] == "panic":
		panic(text)
	case text == "index":
		return text[9:], nil
	case text == "exit":
		runtime.Goexit()
	case text == "nil":
		var e *nilError
		return "", e
	}
	return text, nil
}

// nilError is an error whose methods need it not to be nil.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func (e *nilError) Is(error) bool { return e.text == "" }

func (e *nilError) As(any) bool { return e.text == "" }

func (e *nilError) Unwrap() error { panic(e.text) }

type fragileStruct struct {
	Token fragile `secret:"token"`
}

// fragileBindings are the ways to a decoding that is not ours: each binds the
// secret token and returns what is held and what is wrong.
var fragileBindings = map[string]func(t *testing.T, r *secrets.Resolver) (get func() string, why func() error, err error){
	"Bind with a decode": func(t *testing.T, r *secrets.Resolver) (func() string, func() error, error) {
		l, err := secrets.Bind(t.Context(), r, "token", func(s secrets.Secret) (string, error) { return fragileText(s.Reveal()) })
		return l.Get, l.Err, err
	},
	"Bind by type": func(t *testing.T, r *secrets.Resolver) (func() string, func() error, error) {
		l, err := secrets.Bind[fragile](t.Context(), r, "token", nil)
		return func() string { return string(l.Get()) }, l.Err, err
	},
	"BindStruct": func(t *testing.T, r *secrets.Resolver) (func() string, func() error, error) {
		l, err := secrets.BindStruct[fragileStruct](t.Context(), r)
		return func() string { return string(l.Get().Token) }, l.Err, err
	},
	"Load of a Live": func(t *testing.T, r *secrets.Resolver) (func() string, func() error, error) {
		var dst struct {
			Token *secrets.Live[fragile] `secret:"token"`
		}
		err := r.Load(t.Context(), &dst)
		return func() string { return string(dst.Token.Get()) }, dst.Token.Err, err
	},
}

func TestADecodeThatPanics(t *testing.T) {
	c := canary.New()
	search := canary.For(c)
	for way, bind := range fragileBindings {
		for what, bad := range map[string]string{"panics with the value": "panic " + c, "panics in the runtime": "index", "ends its goroutine": "exit", "returns an error that panics": "nil"} {
			t.Run(what+", in "+way+", leaves the last good value, and Err tells", spectest.Bubble(func(t *testing.T) {
				r, p := spectest.Pushed(t, map[string]string{"token": "one"})
				get, why, err := bind(t, r)
				require.NoError(t, err)
				p.Set("token", bad)
				synctest.Wait()
				assert.Equal(t, "one", get())
				require.ErrorIs(t, why(), secrets.ErrInvalid)
				assert.Empty(t, search.Error(why()))
				p.Set("token", "two")
				synctest.Wait()
				assert.Equal(t, "two", get(), "it goes on")
				assert.NoError(t, why())
			}))
			t.Run(what+", in the first "+way+", is its error and leaves nothing behind", spectest.Bubble(func(t *testing.T) {
				r, p := spectest.Polled(t, map[string]string{"token": bad}, secrets.WithIdle(time.Minute))
				ended := make(chan error, 1)
				go func() {
					defer close(ended)
					_, _, err := bind(t, r)
					ended <- err
				}()
				err, returned := <-ended
				if bad == "exit" {
					assert.False(t, returned, "the goroutine is the caller's, and it ends")
				} else {
					require.ErrorIs(t, err, secrets.ErrInvalid)
					assert.Empty(t, search.Error(err))
				}
				time.Sleep(time.Hour)
				reads := p.Calls().Reads
				time.Sleep(24 * time.Hour)
				assert.Equal(t, reads, p.Calls().Reads, "nobody follows the name")
			}))
		}
	}
}

func TestLoadTurnsAPanicIntoAnError(t *testing.T) {
	t.Parallel()
	c := canary.New()
	for what, bad := range map[string]string{"with the value": "panic " + c, "in the runtime": "index", "of the error": "nil"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dst, err := loaded[fragileStruct](t, map[string]string{"token": bad})
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, `"token"`)
			assert.Empty(t, canary.For(c).Error(err))
			assert.Empty(t, dst)
		})
	}
}
