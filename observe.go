package secrets

import (
	"context"
	"fmt"
	"log/slog"
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

// tell has an event told: after what happens under the lock now, and on a
// goroutine that lives while there are any. It is called with the lock held.
func (r *Resolver) tell(e *Event) {
	if r.observer == nil && (e.quiet || e.Kind == EventRead) {
		return
	}
	e.Time = r.clock.wall()
	if len(r.events) == maxEvents {
		r.events[0] = nil
		r.events = r.events[1:]
		r.untold++
	}
	r.events = append(r.events, e)
	if r.telling == nil {
		r.telling = make(chan struct{})
		go r.tellAll()
	}
}

// tellAll tells what has happened until there is nothing more to tell.
func (r *Resolver) tellAll() {
	all := false
	defer func() {
		if !all { // the observer, or the log's handler, has ended the goroutine
			go r.tellAll()
		}
	}()
	for {
		r.lock()
		if len(r.events) == 0 {
			close(r.telling)
			r.telling, r.events = nil, nil
			r.unlock()
			all = true
			return
		}
		e, untold := r.events[0], r.untold
		r.events[0] = nil
		r.events, r.untold = r.events[1:], 0
		r.unlock()
		if untold > 0 {
			r.emit("log handler", func() {
				r.log().Log(r.ctx, slog.LevelWarn, "events were dropped, since the observer or the log is slow", "events", untold)
			})
		}
		r.emit("log handler", func() { r.record(e) })
		if r.observer != nil {
			r.emit("observer", func() { r.observer(r.ctx, *e) })
		}
	}
}

// toldWithin reports whether all that has happened is told before ctx ends.
func (r *Resolver) toldWithin(ctx context.Context) bool {
	r.lock()
	telling := r.telling
	r.unlock()
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

// emit calls code of the program that is told of an event; a panic there is
// logged.
func (r *Resolver) emit(what string, call func()) {
	defer func() {
		if p := recover(); p != nil {
			text := fmt.Sprintf("with a %T at %s", p, panicPlace())
			safely(func() { r.log().Log(r.ctx, slog.LevelError, "the "+what+" panicked", "panic", text) })
		}
	}()
	call()
}

// log returns where the resolver logs.
func (r *Resolver) log() *slog.Logger {
	if r.logger == nil {
		return slog.Default()
	}
	return r.logger
}

// record logs an event.
func (r *Resolver) record(e *Event) {
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
	logger := r.log()
	if !logger.Enabled(r.ctx, level) {
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
	logger.Log(r.ctx, level, text, args...)
}
