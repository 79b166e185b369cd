package secrets

import (
	"slices"
	"time"

	"github.com/go-secrets/secrets/internal/turns"

	"github.com/go-secrets/secrets/internal/policy"
)

// notComparable spares programs the code that compares structs, which is
// linked for each type that can be.
type notComparable [0]func()

// A document is what is fetched and cached: one place of one backend, with
// the version that is held, and everything the resolver knows about reading
// it. All fields are guarded by Resolver.mu.
type document struct {
	_ notComparable

	folder *folder
	path   string
	ttl    int64 // ns
	said   int64 // ns; the least TTL that a URI says of it, which the backend's own word does not outlast; 0: none does

	value    *version // nil: never held
	next     int64    // when it is to be read again; without a value: when it was last asked for, counted by Resolver.misses
	lastUsed int64    // when it was last known to be asked for

	due     int32 // 1 + its index in the provider's heap; 0: not in it
	rank    int32 // 1 + its index in Resolver.expiring, or without a value in Resolver.missing; 0: not in it
	rounds  uint8 // refreshes, counted for the occasional look at the exact documents
	idle    bool  // due, and left alone until somebody asks
	expired bool  // past its expiry, and said so
	dropped bool  // no longer the resolver's
	again   bool  // it changed while it was being read
	soon    bool  // a change of it has made it due
	asked   bool  // by its own name, not only as somebody's parent
	program bool  // the program asks for it by itself: see internal/asked

	sought uint16 // searches that wait for a read of it, and so keep it; 65,535 for good

	changes pace // of reads that a provider's word brings about

	entries *entry   // the names that are cut from it
	flight  *flight  // the read under way
	trouble *trouble // what went wrong lately; nil: nothing
}

// trouble is what the resolver remembers of failures.
type trouble struct {
	err      error // of the last read, if it failed
	at       int64 // when that was
	until    int64 // until when somebody who would have to wait is told err instead
	retry    int64 // no refresh before
	failures int   // reads in a row
	gone     bool  // the backend no longer has it; its names are being searched for

	jump    int64 // by how much wall time has jumped since the version was read
	counted int64 // how much of that counts, a read having failed since

	ledger      *turns.Ledger // of the versions that were rejected; nil: none was
	replacement *replacement  // what is looked for since the held version was; nil: nothing
}

func (d *document) ref() Ref { return d.folder.ref(d.path) }

// place returns where the document lives, for people.
func (d *document) place() string { return d.ref().String() }

// fielded reports whether a name that is held is a field of it.
func (d *document) fielded() bool {
	for e := d.entries; e != nil; e = e.sibling {
		if e.part.field != "" {
			return true
		}
	}
	return false
}

func (d *document) troubles() *trouble {
	if d.trouble == nil {
		d.trouble = new(trouble)
	}
	return d.trouble
}

// failures returns how many reads in a row have failed.
func (d *document) failures() int {
	if d.trouble == nil {
		return 0
	}
	return d.trouble.failures
}

// gone reports whether the last read said that the document is not there.
func (d *document) gone() bool { return d.trouble != nil && d.trouble.gone }

// usable reports whether the held value may be served.
func (d *document) usable(now int64) bool { return d.value != nil && now < d.expires() }

// expires returns until when the held value may be served.
func (d *document) expires() int64 {
	end := d.value.end(d.folder.provider.maxStale)
	if d.trouble != nil {
		end = policy.Sub(end, d.trouble.counted)
	}
	return end
}

// holdsUp reports whether Get waits for the read under way.
func (d *document) holdsUp(now int64) bool { return d.flight != nil && now < d.flight.hold }

// stale reports whether the last read failed.
func (d *document) stale() bool { return d.trouble != nil && d.trouble.err != nil }

func (d *document) leased() bool { return d.value != nil && d.value.leased() }

// age returns how old the held value is, jumps of the wall clock included as
// far as they count. There must be one.
func (d *document) age(now int64) time.Duration {
	age := now - d.value.mono
	if d.trouble != nil {
		age = policy.Add(age, d.trouble.counted)
	}
	return time.Duration(age)
}

// names returns the names that are cut from the document, sorted.
func (d *document) names() []string {
	var names []string
	for e := d.entries; e != nil; e = e.sibling {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// setExpiry takes note that it has changed until when the held value may be
// served.
func (r *Resolver) setExpiry(d *document) {
	d.expired = false
	r.expiring.fix(d)
}

// schedule says when the document is read again after a success; spread is
// the part of the TTL that was drawn for all that was read together.
func (r *Resolver) schedule(d *document, spread float64) {
	d.idle = false
	ttl := min(d.ttl, int64(r.maxStale)/10*9) // a TTL beyond MaxStale is read in time all the same
	d.next = policy.Add(d.value.mono, max(policy.Part(ttl, spread), leastBetween))
	switch x := d.value.extra(); {
	case x == nil:
	case x.refresh > d.value.mono:
		at := min(x.refresh, d.value.mono+(d.expires()-d.value.mono)/10*9)
		if d.said > 0 && !d.leased() {
			at = min(at, policy.Add(d.value.mono, policy.Part(d.said, spread)))
		}
		d.next = max(at, d.value.mono+minRefresh)
	case x.expires != 0: // in time, whatever the TTL; with a TTL of zero a lease is kept, too
		before := d.value.mono + max((x.expires-d.value.mono)/3*2, minRefresh)
		if d.ttl == 0 || before < d.next {
			d.next = before
		}
	case d.ttl == 0:
		d.next = policy.Add(d.value.mono, int64(defaultTTL))
	}
	r.enqueue(d)
}

// enqueue puts the document where the refresher sees it.
func (r *Resolver) enqueue(d *document) {
	if r.onDemand || d.dropped || d.value == nil || d.ttl == 0 && !d.leased() {
		return
	}
	d.folder.provider.due.fix(d)
	r.wakeBefore(d.next)
}

// minRefresh is the least time between a read and the next that the backend's
// own word brings about, however soon that is: clocks differ.
const minRefresh = int64(time.Second)
