package envfile

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
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

// A polledError says why a document is read every so often instead of watched.
type polledError struct{ err error }

func (e polledError) Error() string { return e.err.Error() }
func (e polledError) Unwrap() error { return e.err }

// PollsEvery tells the resolver that changes are noticed nevertheless.
func (polledError) PollsEvery() time.Duration { return pollEvery }

// add polls a document, which was last read as last, until its watch or the
// poller ends. It returns why, and has the log say so once.
func (p *poller) add(w *watch, last [32]byte, why error) error {
	advice := "on Linux, see fs.inotify.max_user_watches and max_user_instances"
	if errors.Is(why, fs.ErrPermission) {
		advice = "a directory on the way may not be listed"
	}
	msg := "the system refuses to watch files, so they are read every " + pollEvery.String() + " (" + advice + ")"
	p.told.Do(func() { slog.Warn(msg, "error", why) })
	told := polledError{fault.New(secrets.ErrUnavailable, msg, why)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return told
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
	return told
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
