package cache

import "time"

// An Owner has the names that are cut from documents. The Cache calls it with
// the lock held, unless a method says otherwise. With the lock held a method must
// not wait; it may call the methods of its Tx.
type Owner interface {
	// Prepare does the slow work with a large version, parsing. It is called
	// without the lock. wants is the Wants of the document.
	Prepare(v *Version, wants uint8)
	// Accept returns a failure if next must not replace the held version, which
	// works.
	Accept(tx Tx, d *Doc, next *Version) Outcome
	// Changed is called after the state of a document has changed.
	Changed(tx Tx, d *Doc, c Change)
	// Settled is called after the calls of Changed for all documents that one
	// call has read. Here, and never in Changed, the Owner may search for names
	// and move them.
	Settled(tx Tx)

	// Used reports whether a name of the document was asked for since the
	// flags were last cleared. If clear is true it clears them.
	Used(tx Tx, d *Doc, clear bool) bool
	// Followed reports whether a Watch or Bind follows a name of the document:
	// then the document is in use, even if nobody asks for it.
	Followed(tx Tx, d *Doc) bool
	// Dependents returns the documents to which the value of this one refers
	// names.
	Dependents(tx Tx, d *Doc) []*Doc
	// Evict drops every name that lives in the document, or that its value
	// refers to another document.
	Evict(tx Tx, d *Doc)

	// Along returns the documents that a refresh of this one must also read:
	// the exact documents of names that live in it as their parent. After they
	// are read, Moved is called without the lock.
	Along(tx Tx, d *Doc) []*Doc
	Moved(d *Doc)
	// Tick is called about once a second while anything is held.
	Tick(tx Tx)

	// Report is called for each event of a document, for observer and log.
	Report(tx Tx, e Event)
	// ReportRead is called after a call of a backend has ended.
	ReportRead(tx Tx, call Call)
}

// A Change says how the state of a document has changed.
type Change uint8

// The changes of a document.
const (
	Replaced  Change = iota // it holds another version
	Confirmed               // it holds its first version, or a read returned the same version again
	Failed                  // a read of it failed
	Gone                    // the backend no longer has it
	Withdrawn               // Get must take the slow path to its value
	Expired                 // likewise, because it is too old
	Hinted                  // the backend says that it may have changed, and no version of it is kept
)

// An Event is something that happened to a document that holds a version.
type Event struct {
	Kind  EventKind
	Doc   *Doc
	Err   error // why; nil: nothing is wrong
	Quiet bool  // the log has a record of the same outage already
}

// An EventKind says what happened.
type EventKind uint8

// The kinds of event.
const (
	EventChanged   EventKind = iota // another version is held
	EventStale                      // a refresh failed
	EventRecovered                  // after failures, or expiry, it was read again
	EventExpired                    // the held version may not be served any more
)

// A Call is one call of a backend.
type Call struct {
	Backend  *Backend
	Docs     []*Doc
	Outcomes []Outcome
	Refresh  bool // nobody waits for it
	Took     time.Duration
}
