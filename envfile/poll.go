package envfile

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pollEvery is how often a document is read that the system refuses to watch.
const pollEvery = 30 * time.Second

// A poller looks after the documents that the system refuses to watch, having
// no watches left. The zero poller is ready for use.
type poller struct {
	system func() (*fsnotify.Watcher, error) // nil: fsnotify's
	told   sync.Once
	mu     sync.Mutex
	done   chan struct{} // closed by close; nil: not made yet
	closed bool
	loops  sync.WaitGroup
}

func (p *poller) newWatcher() (*fsnotify.Watcher, error) {
	if p.system != nil {
		return p.system()
	}
	return fsnotify.NewWatcher()
}

// add polls a document until its watch or the poller ends, and says once why.
func (p *poller) add(w *watch, why error) {
	p.told.Do(func() {
		slog.Warn("the system refuses to watch files, so they are read every "+pollEvery.String()+" (on Linux, see fs.inotify.max_user_watches and max_user_instances)", "error", why)
	})
	last := read(w.ctx, w)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.done == nil {
		p.done = make(chan struct{})
	}
	done := p.done
	p.loops.Go(func() {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			select {
			case <-w.ctx.Done():
				return
			case <-done:
				return
			case <-tick.C:
			}
			if now := read(w.ctx, w); now != last && w.ctx.Err() == nil {
				last = now
				w.changed()
			}
		}
	})
}

// close ends the polling and waits for it.
func (p *poller) close() {
	p.mu.Lock()
	if !p.closed && p.done != nil {
		close(p.done)
	}
	p.closed = true
	p.mu.Unlock()
	p.loops.Wait()
}

// read returns the digest of what a watch is for.
func read(ctx context.Context, w *watch) [32]byte {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return w.digest(ctx)
}
