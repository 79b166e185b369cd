package secrets

import (
	"context"
	"log/slog"
	"time"
)

// An Observer is told of backend reads and of changes of state; see [Event].
// It must be safe for concurrent use and return soon; it is never called with
// a lock held. A panic in it is not recovered.
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

// emit logs and reports an event. It is called without the lock.
func (r *Resolver) emit(e *Event) {
	e.Time = r.clock.wall()
	if r.observer != nil {
		r.observer(r.ctx, *e)
	}
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
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
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
