package cache

import (
	"context"
	"time"
)

const (
	maxColdReads = 32  // reads that somebody waits for, in flight for a backend
	maxRefreshes = 8   // reads that nobody waits for, likewise; a full batch, which is several calls, is all of them
	maxBatch     = 100 // places in one call
)

// A Source reads documents. It never hangs on to the lock of a Cache, nor
// panics; it may end the goroutine that it is called on.
type Source interface {
	// Open makes the Source fit to read and returns how many places it takes
	// in one call.
	Open(ctx context.Context) (batch int, err error)
	// Batch is Open without the opening: it returns 1 while nothing is open.
	// It does not wait.
	Batch() int
	// Read reads places, which are aligned with the outcomes that it returns.
	Read(ctx context.Context, at []Place) Answer
	// Renew prolongs the lease of a version. It reports false if the document
	// has to be read again.
	Renew(ctx context.Context, v *Version) (Answer, bool)
	// Revoke ends the lease of a version.
	Revoke(ctx context.Context, v *Version)
	// Watches reports whether Watch is worth a call.
	Watches() bool
	// Watch has changed called when a place may have changed, until ctx ends,
	// and returns once that is arranged.
	Watch(ctx context.Context, at Place, changed func()) Watched
}

// Watched is what came of a call of Watch.
type Watched struct {
	Calls bool  // changed is called, if only because the Source looks every so often
	Again bool  // it is not, and trying again later may help
	Err   error // why the Source notices no changes by itself; nil: it does, or never can
}

// A Place is where a document lives.
type Place struct {
	Space   *Space
	Path    string
	Program bool // the program asks for it by itself
}

// An Answer is what came of a call of a Source.
type Answer struct {
	Outcomes []Outcome
	Called   bool          // the backend was called, if only in part
	Took     time.Duration // by that
}

// An Outcome is what came of reading one document: a version, or a failure.
type Outcome struct {
	Version    *Version
	Err        error // nil: none
	Kind       Kind
	RetryAfter time.Duration // the backend's own word on when to ask again; 0: none
}

// A Kind says whose a failure is, and so what it means for a document.
type Kind uint8

// The kinds of failure.
const (
	None        Kind = iota
	Missing          // the backend answered, and has no such document
	Unavailable      // the backend gives no answer now, or asks for fewer calls
	Credentials      // the backend does not know who asks
	Refused          // the document may not be read, or is not what it should be
	Invalid          // what was asked for cannot be right
	Fault            // the Source's own code: asking again at once does not help
	abandoned        // nobody waited any more
)

// Passes reports whether a failure may be over soon.
func (k Kind) Passes() bool { return k == Unavailable }

// speaksOfBackend reports whether a failure is one of the backend rather than
// of one document.
func (k Kind) speaksOfBackend() bool { return k == Unavailable || k == Credentials || k == Fault }
