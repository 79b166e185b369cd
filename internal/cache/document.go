package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
	"github.com/go-secrets/secrets/internal/turns"
)

// A Doc is one document: one place of one backend, the held version, and the state
// of its reads. Cache.mu guards all fields.
type Doc struct {
	// Names is the Owner's own: the names that are cut from the document; nil:
	// there are none, and the document may be evicted.
	Names   any
	Asked   bool  // somebody asked for it by its own name, not only as a name's parent
	Program bool  // the program asks for it by itself, see Query
	Wants   uint8 // what Owner.Prepare is to prepare of a large version; 0: nothing

	space  *Space
	path   string
	ttl    int64 // ns; 0: it is read for each use
	ownTTL int64 // ns; the least TTL that a caller of Tx.Doc gave; it also bounds the backend's RefreshAt; 0: none was given

	version  *Version // nil: never held
	next     int64    // when it is to be read again; without a version: when it was last asked for, counted by Cache.misses
	lastUsed int64    // when it was last known to be asked for

	due       int32 // 1 + its index in the backend's heap; 0: not in it
	rank      int32 // 1 + its index in Cache.expiring, or without a version in Cache.missing; 0: not in it
	pins      int32 // searches that still need it, so that it is not evicted
	rounds    uint8 // refreshes, counted for Owner.Along
	idle      bool  // due, and not read until somebody asks
	expired   bool  // past its expiry, and the Owner knows
	released  bool  // to be dropped when nobody pins it any more
	dropped   bool  // evicted
	readAgain bool  // it changed while it was being read
	dueByHint bool  // a hint of its backend has made it due

	changes policy.Pace // of the reads that hints of the backend cause

	flight  *Flight  // the read under way
	trouble *trouble // failures and rejections; nil: none
}

// trouble is the memory of failures and rejections.
type trouble struct {
	err      error // of the last read, if it failed
	kind     Kind  // of err
	at       int64 // when the read failed
	until    int64 // until when a caller that would have to wait gets err instead
	retry    int64 // no refresh before
	failures int   // reads in a row
	gone     bool  // the backend no longer has it; its names are being searched for

	jump    int64 // by how much wall time has jumped since the version was read
	counted int64 // the part of jump that adds to the age: all that came before the last failed read

	ledger      *turns.Ledger // of the versions that were rejected; nil: none was
	replacement *replacement  // the state of reading for another version than the rejected one; nil: none
}

// Space returns where the document is.
func (d *Doc) Space() *Space { return d.space }

// Path returns where in its Space the document is.
func (d *Doc) Path() string { return d.path }

// Backend returns the Backend that reads the document.
func (d *Doc) Backend() *Backend { return d.space.backend }

func (d *Doc) place() Place { return Place{Space: d.space, Path: d.path, Program: d.Program} }

// Doc returns the document at a path, and makes it if there is none. own is the TTL
// that the caller wants for it; 0: the Cache's. The least of all callers counts.
func (tx Tx) Doc(s *Space, path string, own time.Duration) *Doc {
	c := tx.cache()
	ttl := int64(own)
	if ttl == 0 {
		ttl = int64(c.TTL)
	}
	d := s.docs[path]
	if d == nil {
		d = &Doc{space: s, path: path, ttl: ttl, ownTTL: int64(own), lastUsed: tx.Now()}
		s.docs[path] = d
		tx.rememberMissing(d) // until it holds a version
		return d
	}
	if ttl < d.ttl {
		tx.shorten(d, ttl)
	}
	if own > 0 && (d.ownTTL == 0 || int64(own) < d.ownTTL) {
		d.ownTTL = int64(own)
		tx.hasten(d, d.ownTTL)
	}
	return d
}

// Peek returns the document at a path, or nil if there is none.
func (tx Tx) Peek(s *Space, path string) *Doc {
	tx.cache()
	return s.docs[path]
}

// shorten gives a document a shorter TTL, which another caller wants.
func (tx Tx) shorten(d *Doc, ttl int64) {
	d.ttl = ttl
	if d.version != nil && !d.kept() {
		tx.c.owner.Changed(tx, d, Withdrawn)
		return
	}
	tx.hasten(d, ttl)
}

// hasten makes a held document due within a TTL, unless it is due before.
func (tx Tx) hasten(d *Doc, ttl int64) {
	if d.version == nil || d.stale() || d.leased() {
		return
	}
	if next := policy.Add(d.version.read, policy.Part(ttl, policy.Spread())); next < d.next {
		d.next = next
		if d.due > 0 {
			tx.enqueue(d)
		}
	}
}

// Version returns the held version, whether it may be served or not; nil: the
// document was never read with success.
func (tx Tx) Version(d *Doc) *Version {
	tx.cache()
	return d.version
}

// Servable reports whether the held version may be served.
func (tx Tx) Servable(d *Doc) bool { return d.servable(tx.Now()) }

// Ready reports whether the held version may be served with no look at the
// clock, until Changed says otherwise.
func (tx Tx) Ready(d *Doc) bool {
	return !tx.cache().OnDemand && d.kept() && !d.idle && !d.blocks(tx.Now()) && d.servable(tx.Now())
}

// Gone reports whether the last read said that the document is not there.
func (tx Tx) Gone(d *Doc) bool {
	tx.cache()
	return d.gone()
}

// Kept reports whether a version that was read is held. If not, the document is
// read for each use.
func (tx Tx) Kept(d *Doc) bool {
	tx.cache()
	return d.kept()
}

// Leased reports whether the held version is leased.
func (tx Tx) Leased(d *Doc) bool {
	tx.cache()
	return d.leased()
}

func (d *Doc) troubles() *trouble {
	if d.trouble == nil {
		d.trouble = new(trouble)
	}
	return d.trouble
}

// failures returns how many reads in a row have failed.
func (d *Doc) failures() int {
	if d.trouble == nil {
		return 0
	}
	return d.trouble.failures
}

func (d *Doc) gone() bool { return d.trouble != nil && d.trouble.gone }

// stale reports whether the last read failed.
func (d *Doc) stale() bool { return d.trouble != nil && d.trouble.err != nil }

func (d *Doc) leased() bool { return d.version != nil && d.version.Leased() }

func (d *Doc) kept() bool { return d.ttl > 0 || d.leased() }

func (d *Doc) servable(now int64) bool { return d.version != nil && now < d.expires() }

// expires returns until when the held version may be served.
func (d *Doc) expires() int64 {
	end := d.version.end(int64(d.space.backend.cache.MaxStale))
	if d.trouble != nil {
		end = policy.Sub(end, d.trouble.counted)
	}
	return end
}

// Age returns how old the held version is, with the jumps of the wall clock that
// count. There must be a held version.
func (tx Tx) Age(d *Doc) time.Duration {
	age := tx.Now() - d.version.read
	if d.trouble != nil {
		age = policy.Add(age, d.trouble.counted)
	}
	return time.Duration(age)
}

// A Status is how a document stands.
type Status struct {
	Version  *Version  // that is held; nil: none
	Servable bool      // it may be served
	Failures int       // reads in a row
	Err      error     // of the last read; nil: it succeeded
	Kind     Kind      // of Err
	NextRead int64     // on the monotonic clock, ns; 0: when somebody asks
	Rejected time.Time // when the held version was last rejected; zero: never
	Lately   bool      // somebody has asked for it within the idle time
	WatchErr error     // why its Source reports no changes; nil: it does, or cannot watch at all
}

// Status returns how a document stands.
func (tx Tx) Status(d *Doc) Status {
	now := tx.Now()
	s := Status{Version: d.version, Servable: d.servable(now)}
	if t := d.trouble; t != nil {
		s.Failures, s.Err, s.Kind = t.failures, t.err, t.kind
		if d.version != nil {
			s.Rejected = t.ledger.RejectedAt(d.version.id)
		}
	}
	if w := tx.c.watches[d]; w != nil {
		s.WatchErr = w.err
	}
	if d.due > 0 {
		s.NextRead = max(d.next, d.space.backend.retryAt)
	}
	if d.version != nil {
		s.Lately = tx.recentlyUsed(d)
	} else {
		s.Lately = now-d.lastUsed < tx.idleAfter(d)
	}
	return s
}
