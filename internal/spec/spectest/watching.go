package spectest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-secrets/secrets"
)

// A Watching is a Watch that runs, and what it has yielded: a value, or the
// class of an error in angle brackets.
type Watching struct {
	Cancel context.CancelFunc
	Ended  chan struct{} // closed when it has

	mu   sync.Mutex
	seen []string
}

// All returns what has been yielded so far.
func (w *Watching) All() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.seen...)
}

// Watch follows a name until the test ends.
func Watch(t testing.TB, r *secrets.Resolver, name string) *Watching {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watching{Cancel: cancel, Ended: make(chan struct{})}
	go func() {
		defer close(w.Ended)
		for s, err := range r.Watch(ctx, name) {
			w.mu.Lock()
			w.seen = append(w.seen, Said(s, err))
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-w.Ended })
	synctest.Wait()
	return w
}

// Said is what a Watch has yielded, as text.
func Said(s secrets.Secret, err error) string {
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
