package envfile

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// A watch is one watched document. Its fields from dirs on belong to the
// watcher's loop.
type watch struct {
	places  func() []place                 // where its content comes from
	digest  func(context.Context) [32]byte // of what a read returns
	changed func()
	ctx     context.Context
	ready   chan struct{} // closed once it is watched, or failed
	refused error         // why it has to be polled; set before ready is closed

	dirs   map[string]bool // what it needs watched
	last   [32]byte
	polled bool
}

// digestOf returns the digest of what p returns for ref: a hash of the value,
// or of its error.
func digestOf(p secrets.Provider, ref secrets.Ref) func(context.Context) [32]byte {
	return func(ctx context.Context) [32]byte {
		v, err := p.Fetch(ctx, ref)
		if err != nil {
			return sha256.Sum256([]byte("error\x00" + err.Error()))
		}
		return sha256.Sum256(append([]byte("value\x00"+v.Default+"\x00"), v.Data...))
	}
}

// A hub holds the watches of one provider. The system's watcher and the two
// goroutines that serve it exist while there are watches. The zero hub is
// ready for use.
type hub struct {
	mu      sync.Mutex
	watcher *watcher // nil: nothing is watched
	watches int
	closed  bool
	polling poller // what the system refuses to watch
}

// add watches a document until ctx ends, and returns once it is watched: with a
// [polledError] if it has to be read every so often for that.
func (h *hub) add(ctx context.Context, places func() []place, digest func(context.Context) [32]byte, changed func()) error {
	w := &watch{places: places, digest: digest, changed: changed, ctx: ctx, ready: make(chan struct{})}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return fault.New(secrets.ErrClosed, "the provider was closed", nil)
	}
	if h.watcher == nil {
		system, err := h.polling.newWatcher()
		if err != nil {
			h.mu.Unlock()
			return h.polling.add(w, read(ctx, w), err)
		}
		h.watcher = newWatcher(system)
		h.watcher.poll = h.polling.add
		h.watcher.run()
	}
	watcher := h.watcher
	h.watches++
	watcher.mail(func(m *mailbox) { m.added = append(m.added, w) })
	h.mu.Unlock()

	context.AfterFunc(ctx, func() { h.leave(watcher, w) })
	select {
	case <-w.ready:
		return w.refused
	case <-watcher.done:
		return fault.New(secrets.ErrClosed, "the provider was closed", nil)
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// leave ends a watch, and with the last one the watcher.
func (h *hub) leave(watcher *watcher, w *watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watcher != watcher {
		return // closed
	}
	if h.watches--; h.watches == 0 {
		h.watcher = nil
		watcher.stop()
		return
	}
	watcher.mail(func(m *mailbox) { m.removed = append(m.removed, w) })
}

// close ends every watch and waits for the goroutines.
func (h *hub) close() error {
	h.mu.Lock()
	watcher := h.watcher
	h.watcher, h.closed = nil, true
	h.mu.Unlock()
	h.polling.close()
	if watcher != nil {
		watcher.stop()
		<-watcher.done
	}
	return nil
}
