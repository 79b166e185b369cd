package secrets

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// An Observer is called for each backend read and each change of state; see
// [Event]. The resolver calls it after the event has happened, with one event at a
// time and in order, on a goroutine that no read waits for. So it may be slow, and
// may call the resolver, except for Close, which waits for it (for a second at
// most). If it falls more than 1,000 events behind, the oldest are dropped, and the
// log says how many. A panic in it is logged, without the panic's value.
type Observer func(context.Context, Event)

// An EventKind says what happened.
type EventKind string

// The kinds of event. A Get of a held value is no event: to report it would cost
// more than the Get.
const (
	EventRead      EventKind = "read"      // a call of a backend ended: Documents, Duration, Class
	EventChanged   EventKind = "changed"   // a document has a new version: a rotation, seen
	EventStale     EventKind = "stale"     // a document could not be refreshed, and the held version is served
	EventRecovered EventKind = "recovered" // a document that was stale or expired is fresh again
	EventExpired   EventKind = "expired"   // a held document passed its greatest age or the end of its lease
	EventDeleted   EventKind = "deleted"   // a document is gone, and its names are found nowhere else
	EventRejected  EventKind = "rejected"  // the database or API that got a version rejected it
)

// An Event is something that happened to a document, or one backend call.
// It holds no values. Fields that do not apply are zero.
type Event struct {
	Kind      EventKind
	Time      time.Time
	Provider  string        // the scheme
	Document  string        // where it lives; empty for a call that read several
	Names     []string      // by which the app asks for it
	Version   string        // the version that is held now
	Documents int           // EventRead: how many were asked for in this call
	Refresh   bool          // EventRead: no caller waits for it
	Duration  time.Duration // EventRead: how long it took
	Age       time.Duration // how long ago the held value was read
	Failures  int           // how many reads in a row have failed
	Class     error         // the class of Err; nil: none
	Err       error

	quiet bool // not for the log
}

// maxEvents bounds the events that are queued.
const maxEvents = 1000

// An eventQueue delivers events to the log and the observer, in order. Its goroutine
// lives while the queue is not empty, so that nobody waits for the log or the
// observer. It is safe for concurrent use.
type eventQueue struct {
	ctx      context.Context
	wall     func() time.Time
	observer Observer
	logger   *slog.Logger // nil: slog.Default at the time of the record

	mu         sync.Mutex
	pending    []*Event
	dropped    int           // events since the last delivery, because there were too many
	delivering chan struct{} // closed when the queue is empty; nil: no goroutine runs
}

func newEventQueue(ctx context.Context, wall func() time.Time, observer Observer, logger *slog.Logger) *eventQueue {
	return &eventQueue{ctx: ctx, wall: wall, observer: observer, logger: logger}
}

// add queues an event. It may be called with the lock of the cache held.
func (q *eventQueue) add(e *Event) {
	if q.observer == nil && (e.quiet || e.Kind == EventRead) {
		return
	}
	e.Time = q.wall()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == maxEvents {
		q.pending[0] = nil
		q.pending = q.pending[1:]
		q.dropped++
	}
	q.pending = append(q.pending, e)
	if q.delivering == nil {
		q.delivering = make(chan struct{})
		go q.deliverAll()
	}
}

// deliverAll delivers events until the queue is empty.
func (q *eventQueue) deliverAll() {
	all := false
	defer func() {
		if !all { // the observer, or the log's handler, has ended the goroutine
			go q.deliverAll()
		}
	}()
	for {
		e, dropped := q.next()
		if e == nil {
			all = true
			return
		}
		if dropped > 0 {
			q.call("log handler", func() {
				q.log().Log(q.ctx, slog.LevelWarn, "events were dropped, since the observer or the log is slow", "events", dropped)
			})
		}
		q.call("log handler", func() { q.record(e) })
		if q.observer != nil {
			q.call("observer", func() { q.observer(q.ctx, *e) })
		}
	}
}

// next returns the next event, and how many were dropped before it; nil: the queue
// is empty.
func (q *eventQueue) next() (e *Event, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 {
		close(q.delivering)
		q.delivering, q.pending = nil, nil
		return nil, 0
	}
	e, dropped = q.pending[0], q.dropped
	q.pending[0] = nil
	q.pending, q.dropped = q.pending[1:], 0
	return e, dropped
}

// drained waits until the queue is empty, or ctx ends. It reports whether the queue
// is empty.
func (q *eventQueue) drained(ctx context.Context) bool {
	q.mu.Lock()
	delivering := q.delivering
	q.mu.Unlock()
	if delivering == nil {
		return true
	}
	select {
	case <-delivering:
		return true
	case <-ctx.Done():
		return false
	}
}

// call calls code of the program; a panic there is logged.
func (q *eventQueue) call(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			text := fmt.Sprintf("with a %T at %s", p, panicPlace())
			safely(func() { q.log().Log(q.ctx, slog.LevelError, "the "+what+" panicked", "panic", text) })
		}
	}()
	f()
}

// log returns where the resolver logs.
func (q *eventQueue) log() *slog.Logger {
	if q.logger == nil {
		return slog.Default()
	}
	return q.logger
}

// record logs an event.
func (q *eventQueue) record(e *Event) {
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
	logger := q.log()
	if !logger.Enabled(q.ctx, level) {
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
	logger.Log(q.ctx, level, text, args...)
}
