package cache

import (
	"cmp"
	"slices"

	"github.com/go-secrets/secrets/internal/policy"
)

// minMissing is how many missing documents are remembered at least.
const minMissing = 64

// MostMissing returns how many names or documents are remembered as missing: a
// tenth of what may be held. They never displace what is held.
func (c *Cache) MostMissing() int { return max(c.MaxEntries/10, minMissing) }

// rememberMissing makes a document that holds no version the one that was last
// asked for, and forgets the one that was asked for the longest ago if there
// are too many.
func (tx Tx) rememberMissing(d *Doc) {
	c := tx.c
	if d.rank > 0 || d.dropped {
		return
	}
	tx.miss(d)
	most := max(c.MostMissing(), 2*c.searching) // a name is asked for by two documents at a time
	for range c.missing.docs {
		if len(c.missing.docs) <= most {
			return
		}
		if old := c.missing.first(); old != d && !old.awaited() {
			tx.drop(old)
		} else {
			tx.miss(old) // somebody is waiting for it
		}
	}
}

// miss makes a document the last in the order of those that hold no version.
func (tx Tx) miss(d *Doc) {
	tx.c.misses++
	d.next = tx.c.misses
	tx.c.missing.fix(d)
}

// forgetMissing forgets the missing documents whose memory has run out: most
// were tried as a name's parent, or for its own document.
func (tx Tx) forgetMissing(now int64) {
	c := tx.c
	for d := c.missing.first(); d != nil; d = c.missing.first() {
		t := d.trouble
		if d.awaited() || t != nil && (now < t.until || t.kind != Missing && now-d.lastUsed < tx.idleAfter(d)) {
			return // those behind it were asked for later
		}
		tx.drop(d)
	}
}

// awaited reports whether the document is being read, or somebody has yet to
// look at what came of that.
func (d *Doc) awaited() bool { return d.flight != nil || d.pins > 0 }

// Searching takes note that a search for n names together has begun; or has
// ended, of -n.
func (tx Tx) Searching(n int) { tx.cache().searching += n }

// Weigh takes note that the Owner holds n names more, or fewer.
func (tx Tx) Weigh(n int) { tx.cache().names += n }

// Names returns how many names the Owner holds.
func (tx Tx) Names() int { return tx.cache().names }

// Full reports whether more is held than may be.
func (tx Tx) Full() bool { return tx.cache().held+tx.c.names > tx.c.MaxEntries }

// Release forgets a document if nothing needs it any more: no name is cut from
// it, and it is not leased.
func (tx Tx) Release(d *Doc) {
	tx.cache()
	if d.Names == nil && !d.leased() {
		tx.drop(d)
	}
}

// ReleaseNameless forgets what a search has read and no name lives in, if that
// may not stay.
func (tx Tx) ReleaseNameless(d *Doc) {
	tx.cache()
	if d.version != nil && !d.awaited() && !d.leased() && (d.ttl == 0 || !tx.Evict(d)) {
		tx.drop(d)
	}
}

// drop forgets a document that no name is cut from, and no search waits for.
func (tx Tx) drop(d *Doc) {
	c := tx.c
	if d.dropped || d.Names != nil || d.pins > 0 || len(c.owner.Dependents(tx, d)) > 0 {
		return
	}
	d.dropped = true
	if d.version == nil {
		c.missing.remove(d)
	} else {
		c.expiring.remove(d)
		d.space.backend.due.remove(d)
		c.held--
		tx.retire(d.space.backend, d.version)
	}
	if d.space.docs[d.path] == d {
		delete(d.space.docs, d.path)
	}
	if w := c.watches[d]; w != nil {
		if w.end != nil {
			w.end()
		}
		delete(c.watches, d)
	}
}

// sweepEvery spaces the sweeps that find nothing.
const sweepEvery = lookEvery

// Evict forgets documents that nobody has asked for lately, the longest unused
// first, until no more is held than may be. It spares newest, and reports
// whether there is room.
func (tx Tx) Evict(newest *Doc) (room bool) {
	c := tx.cache()
	if !tx.Full() {
		return true
	}
	now := tx.Now()
	if now < c.sweepAfter {
		return false
	}
	// A sixteenth more than is needed, so that the next one does not sweep.
	target := c.MaxEntries - c.MaxEntries/16
	for _, d := range tx.unused(newest) {
		if c.held+c.names <= target {
			break
		}
		c.owner.Evict(tx, d)
		tx.drop(d)
	}
	if !tx.Full() {
		return true
	}
	c.sweepAfter = now + sweepEvery
	return false
}

// unused returns what may be evicted, the longest unused first.
func (tx Tx) unused(except *Doc) []*Doc {
	var unused []*Doc
	for d := range tx.Docs() {
		if tx.c.OnDemand {
			tx.noteUse(d) // no refresher does
		}
		if d != except && d.version != nil && !d.awaited() && !tx.inUse(d) {
			unused = append(unused, d)
		}
	}
	slices.SortFunc(unused, func(a, b *Doc) int { return cmp.Compare(a.lastUsed, b.lastUsed) })
	return unused
}

// noteUse clears the flags of the document's names, and notes when it was used.
func (tx Tx) noteUse(d *Doc) {
	if tx.c.owner.Used(tx, d, true) {
		d.lastUsed = tx.Now()
	}
}

// inUse reports whether a document is to be kept: it is used, or its value refers
// a name to a document that is.
func (tx Tx) inUse(d *Doc) bool {
	return tx.Used(d) || slices.ContainsFunc(tx.c.owner.Dependents(tx, d), tx.Used)
}

// Used reports whether somebody asked for the document lately, or follows it,
// or it is leased.
func (tx Tx) Used(d *Doc) bool {
	return d.leased() || tx.cache().owner.Followed(tx, d) || tx.recentlyUsed(d)
}

// recentlyUsed reports whether somebody asked for the document within the idle
// time.
func (tx Tx) recentlyUsed(d *Doc) bool {
	return tx.c.owner.Used(tx, d, false) || !d.idle && tx.Now()-d.lastUsed < tx.idleAfter(d)
}

// IdleAfter returns after which time without a use a document is idle, in ns.
func (tx Tx) IdleAfter(d *Doc) int64 { return tx.idleAfter(d) }

func (tx Tx) idleAfter(d *Doc) int64 {
	if tx.c.Idle > 0 {
		return int64(tx.c.Idle)
	}
	return policy.Add(d.ttl, policy.Add(d.ttl, d.ttl))
}
