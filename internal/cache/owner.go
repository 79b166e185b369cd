package cache

import "time"

// An Owner has the names that are cut from documents. The Cache calls it with
// the lock held, unless a method says otherwise; it must not wait then, and may
// call the Tx that it is given.
type Owner interface {
	// Prepare does what takes long with a large version, without the lock:
	// it parses. wants is the Wants of the document.
	Prepare(v *Version, wants uint8)
	// Accept refuses a version that must not take the place of the one that
	// is held and works.
	Accept(tx Tx, d *Doc, next *Version) Outcome
	// Changed tells what has become of a document.
	Changed(tx Tx, d *Doc, c Change)
	// Settled follows the Changed of everything that one call has read. Here,
	// and never in Changed, the Owner may search for names and move them.
	Settled(tx Tx)

	// Used reports whether a name of the document was asked for since the
	// flags were last cleared, and clears them if it is told to.
	Used(tx Tx, d *Doc, clear bool) bool
	// Followed reports whether somebody follows a name of the document, which
	// is in use whether it is asked for or not.
	Followed(tx Tx, d *Doc) bool
	// Dependents returns the documents in which names live that the value of
	// this one refers there.
	Dependents(tx Tx, d *Doc) []*Doc
	// Evict forgets every name that lives in the document, or is referred
	// elsewhere by it.
	Evict(tx Tx, d *Doc)

	// Along returns what a refresh of the document is to read along: the
	// documents in which its names would live by themselves. Moved follows
	// once they are read, without the lock.
	Along(tx Tx, d *Doc) []*Doc
	Moved(d *Doc)
	// Tick is called about once a second while anything is held.
	Tick(tx Tx)

	// Tell tells of something that happened to a document.
	Tell(tx Tx, e Event)
	// TellRead tells of a call of a backend that has ended.
	TellRead(tx Tx, call Call)
}

// A Change is what has become of a document.
type Change uint8

// The changes of a document.
const (
	Replaced  Change = iota // it holds another version
	Confirmed               // it holds a version that is the first, or no other than before
	Failed                  // a read of it failed
	Gone                    // the backend has it no more
	Withdrawn               // its value must not be served without a look
	Expired                 // likewise, being too old
	Hinted                  // the backend says that it may have changed, and nothing is kept of it
)

// An Event is something that happened to a document that holds a version.
type Event struct {
	Kind  EventKind
	Doc   *Doc
	Err   error // why; nil: nothing is wrong
	Quiet bool  // others have told the same already
}

// An EventKind says what happened.
type EventKind uint8

// The kinds of event.
const (
	EventChanged   EventKind = iota // another version is held
	EventStale                      // a refresh failed
	EventRecovered                  // after failures, or expiry, it was read again
	EventExpired                    // what is held may not be served any more
)

// A Call is one call of a backend.
type Call struct {
	Backend  *Backend
	Docs     []*Doc
	Outcomes []Outcome
	Refresh  bool // nobody waits for it
	Took     time.Duration
}
