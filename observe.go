package secrets

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// An Observer is told of backend reads and of changes of state; see [Event].
// It is called after what it is told of has happened, one event at a time and
// in order, on a goroutine that no read waits for: it may be slow, and may call
// the resolver, except for Close, which waits for it (for a second at most). If
// it falls more than 1,000 events behind, the oldest are dropped, and the log
// tells how many. A panic in it is logged, without the panic's value.
type Observer func(context.Context, Event)

// An EventKind says what happened.
type EventKind string

// The kinds of event. Reads of held values are not among them: telling them
// would cost more than the read.
const (
	EventRead      EventKind = "read"      // a call of a backend ended: Documents, Duration, Class
	EventChanged   EventKind = "changed"   // a document has a new version: a rotation, seen
	EventStale     EventKind = "stale"     // a document could not be refreshed, and what is held is served
	EventRecovered EventKind = "recovered" // a document that was stale or expired is fresh again
	EventExpired   EventKind = "expired"   // a held document passed its greatest age or the end of its lease
	EventDeleted   EventKind = "deleted"   // a document is gone, and its names are found nowhere else
	EventRejected  EventKind = "rejected"  // a version was rejected by whom it was shown to
)

// An Event is something that happened to a document, or one backend call.
// It holds no values. Fields that do not apply are zero.
type Event struct {
	Kind      EventKind
	Time      time.Time
	Provider  string        // the scheme
	Document  string        // where it lives; empty for a call that read several
	Names     []string      // the names that the app knows it by
	Version   string        // the version that is held now
	Documents int           // EventRead: how many were asked for in this call
	Refresh   bool          // EventRead: nobody waits for it
	Duration  time.Duration // EventRead: how long it took
	Age       time.Duration // how long ago the held value was read
	Failures  int           // how many reads in a row have failed
	Class     error         // the class of Err; nil: none
	Err       error

	quiet bool // not for the log
}

// maxEvents bounds the events that are still to be told.
const maxEvents = 1000

// A teller tells the log and the observer what has happened: in order, and on a
// goroutine that lives while there is anything to tell, so that nobody waits for
// them. It is safe for concurrent use.
type teller struct {
	ctx      context.Context
	wall     func() time.Time
	observer Observer
	logger   *slog.Logger // nil: slog.Default at the time of the record

	mu      sync.Mutex
	events  []*Event      // still to be told
	dropped int           // there being too many
	telling chan struct{} // closed when all are told; nil: nobody tells
}

func newTeller(ctx context.Context, wall func() time.Time, observer Observer, logger *slog.Logger) *teller {
	return &teller{ctx: ctx, wall: wall, observer: observer, logger: logger}
}

// add has an event told. It may be called with the lock of the cache held.
func (t *teller) add(e *Event) {
	if t.observer == nil && (e.quiet || e.Kind == EventRead) {
		return
	}
	e.Time = t.wall()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == maxEvents {
		t.events[0] = nil
		t.events = t.events[1:]
		t.dropped++
	}
	t.events = append(t.events, e)
	if t.telling == nil {
		t.telling = make(chan struct{})
		go t.tellAll()
	}
}

// tellAll tells what has happened until there is nothing more to tell.
func (t *teller) tellAll() {
	all := false
	defer func() {
		if !all { // the observer, or the log's handler, has ended the goroutine
			go t.tellAll()
		}
	}()
	for {
		e, dropped := t.next()
		if e == nil {
			all = true
			return
		}
		if dropped > 0 {
			t.call("log handler", func() {
				t.log().Log(t.ctx, slog.LevelWarn, "events were dropped, since the observer or the log is slow", "events", dropped)
			})
		}
		t.call("log handler", func() { t.record(e) })
		if t.observer != nil {
			t.call("observer", func() { t.observer(t.ctx, *e) })
		}
	}
}

// next returns the next event to tell, and how many were dropped before it; nil:
// all are told.
func (t *teller) next() (e *Event, dropped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 {
		close(t.telling)
		t.telling, t.events = nil, nil
		return nil, 0
	}
	e, dropped = t.events[0], t.dropped
	t.events[0] = nil
	t.events, t.dropped = t.events[1:], 0
	return e, dropped
}

// drained reports whether all that has happened is told before ctx ends.
func (t *teller) drained(ctx context.Context) bool {
	t.mu.Lock()
	telling := t.telling
	t.mu.Unlock()
	if telling == nil {
		return true
	}
	select {
	case <-telling:
		return true
	case <-ctx.Done():
		return false
	}
}

// call calls code of the program; a panic there is logged.
func (t *teller) call(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			text := fmt.Sprintf("with a %T at %s", p, panicPlace())
			safely(func() { t.log().Log(t.ctx, slog.LevelError, "the "+what+" panicked", "panic", text) })
		}
	}()
	f()
}

// log returns where the resolver logs.
func (t *teller) log() *slog.Logger {
	if t.logger == nil {
		return slog.Default()
	}
	return t.logger
}

// record logs an event.
func (t *teller) record(e *Event) {
	level, text := slog.LevelInfo, ""
	switch e.Kind {
	case EventChanged:
		text = "secret rotated"
	case EventRecovered:
		text = "secret fresh again"
	case EventStale:
		if e.quiet {
			return
		}
		level, text = slog.LevelWarn, "secret not refreshed, serving the held value"
	case EventExpired:
		level, text = slog.LevelError, "secret expired"
	case EventDeleted:
		level, text = slog.LevelWarn, "secret deleted"
	case EventRejected:
		level, text = slog.LevelWarn, "secret version rejected, reading again"
	default:
		return
	}
	logger := t.log()
	if !logger.Enabled(t.ctx, level) {
		return
	}
	args := []any{"document", e.Document, "names", e.Names}
	if e.Version != "" {
		args = append(args, "version", e.Version)
	}
	if e.Failures > 0 {
		args = append(args, "failures", e.Failures, "age", e.Age.Round(time.Millisecond))
	}
	if e.Err != nil {
		args = append(args, "error", e.Err.Error())
	}
	logger.Log(t.ctx, level, text, args...)
}
