package cache

import (
	"context"
	"time"
)

const (
	maxColdReads = 32  // reads that callers wait for, in flight for a backend
	maxRefreshes = 8   // refreshes in flight for a backend; a full batch, which may be several calls, counts as all of them
	maxBatch     = 100 // places in one call
)

// A Source reads documents. Its methods are called without the lock of a Cache.
// They never panic, but may end the goroutine on which they are called.
type Source interface {
	// Open opens the Source and returns how many places one Read takes.
	Open(ctx context.Context) (batch int, err error)
	// Batch returns how many places one Read takes; 1 if the Source is not open.
	// It does not wait.
	Batch() int
	// Read reads places. The outcomes are in the order of at.
	Read(ctx context.Context, at []Place) Answer
	// Renew renews the lease of a version. It reports false if the document
	// must be read instead.
	Renew(ctx context.Context, v *Version) (Answer, bool)
	// Revoke revokes the lease of a version. One that is not held any more has
	// neither bytes nor Content.
	Revoke(ctx context.Context, v *Version)
	// Watches reports whether the Source can watch now.
	Watches() bool
	// Watch begins to watch a place and returns. Until ctx ends, the Source calls
	// changed whenever the place may have changed.
	Watch(ctx context.Context, at Place, changed func()) Watched
}

// Watched is the result of a call of Watch.
type Watched struct {
	Calls bool  // the Source will call changed; perhaps it polls
	Again bool  // it will not, and another call of Watch may succeed
	Err   error // why the Source notices no changes by itself; nil: it does, or cannot watch at all
}

// A Place is where a document lives.
type Place struct {
	Space   *Space
	Path    string
	Program bool // see Query
}

// An Answer is the result of a call of a Source.
type Answer struct {
	Outcomes []Outcome
	Called   bool          // the backend was called, and the call is to be reported
	Took     time.Duration // how long the call took
}

// An Outcome is the result of reading one document: a version, or a failure.
type Outcome struct {
	Version    *Version
	Err        error // nil: success
	Kind       Kind
	RetryAfter time.Duration // the backend's Retry-After; 0: none
}

// A Kind says what caused a failure, and so what it means for a document.
type Kind uint8

// The kinds of failure.
const (
	None        Kind = iota
	Missing          // the backend answered, and has no such document
	Unavailable      // the backend gives no answer now, or asks for fewer calls
	Credentials      // there are no credentials, or the backend does not accept them
	Refused          // the backend denies the document, or the version is not acceptable
	Invalid          // the name, an option or the value cannot be right
	Fault            // the Source's code panicked or ended its goroutine: trying again at once does not help
	abandoned        // nobody waited any more
)

// Transient reports whether a failure may be over soon.
func (k Kind) Transient() bool { return k == Unavailable }

// ofBackend reports whether a failure is the backend's, and not only one document's.
func (k Kind) ofBackend() bool { return k == Unavailable || k == Credentials || k == Fault }
