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

// rememberMissing records that a document which holds no version was asked for
// now. If there are too many such documents, it drops the one that was asked for
// the longest ago.
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
			tx.miss(old) // a search still needs it
		}
	}
}

// miss moves a document to the end of the order of documents without a version.
func (tx Tx) miss(d *Doc) {
	tx.c.misses++
	d.next = tx.c.misses
	tx.c.missing.fix(d)
}

// forgetMissing drops the missing documents that need not be remembered any more:
// for most of them, a search tried a name's exact document or its parent.
func (tx Tx) forgetMissing(now int64) {
	c := tx.c
	for d := c.missing.first(); d != nil; d = c.missing.first() {
		t := d.trouble
		if d.awaited() || t != nil && (now < t.until || t.kind != Missing && now-d.lastUsed < tx.idleAfter(d)) {
			return // the documents after it were asked for later
		}
		tx.drop(d)
	}
}

// awaited reports whether the document is being read, or a search still has to look
// at the result.
func (d *Doc) awaited() bool { return d.flight != nil || d.pins > 0 }

// Searching counts a search for n names together: n when it begins, -n when it ends.
func (tx Tx) Searching(n int) { tx.cache().searching += n }

// AddNames adds n, which may be negative, to how many names the Owner holds.
func (tx Tx) AddNames(n int) { tx.cache().names += n }

// Names returns how many names the Owner holds.
func (tx Tx) Names() int { return tx.cache().names }

// Full reports whether more is held than may be.
func (tx Tx) Full() bool { return tx.cache().held+tx.c.names > tx.c.MaxEntries }

// Release drops a document if no name is cut from it and it is not leased: now,
// or when nobody pins it any more.
func (tx Tx) Release(d *Doc) {
	tx.cache()
	switch {
	case d.Names != nil || d.leased():
	case d.pins > 0:
		d.released = true
	default:
		tx.drop(d)
	}
}

// ReleaseNameless drops a document that a search has read and no name is cut from,
// if it is not to be kept or there is no room for it.
func (tx Tx) ReleaseNameless(d *Doc) {
	tx.cache()
	if d.version != nil && !d.awaited() && !d.leased() && (d.ttl == 0 || !tx.Evict(d)) {
		tx.drop(d)
	}
}

// drop takes a document out of the Cache, unless a name is cut from it, a search
// has pinned it, or its value refers a name to another document.
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

// sweepEvery is the pause after a sweep that made no room.
const sweepEvery = lookEvery

// Evict drops documents that nobody has used lately, the longest unused first,
// until the Cache is not Full. It does not drop newest, and reports whether there
// is room.
func (tx Tx) Evict(newest *Doc) (room bool) {
	c := tx.cache()
	if !tx.Full() {
		return true
	}
	now := tx.Now()
	if now < c.sweepAfter {
		return false
	}
	// It frees a sixteenth more than is needed, so that the next call need not sweep.
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

// unused returns the documents that may be evicted, the longest unused first.
func (tx Tx) unused(except *Doc) []*Doc {
	var unused []*Doc
	for d := range tx.Docs() {
		if tx.c.OnDemand {
			tx.noteUse(d) // with no refresher, nothing else does this
		}
		if d != except && d.version != nil && !d.awaited() && !tx.inUse(d) {
			unused = append(unused, d)
		}
	}
	slices.SortFunc(unused, func(a, b *Doc) int { return cmp.Compare(a.lastUsed, b.lastUsed) })
	return unused
}

// noteUse clears the used flags of the document's names, and records the time if
// one was set.
func (tx Tx) noteUse(d *Doc) {
	if tx.c.owner.Used(tx, d, true) {
		d.lastUsed = tx.Now()
	}
}

// inUse reports whether a document is used, or its value refers a name to a document
// that is.
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

// IdleAfter returns, in ns, how long a document must be unused to be idle.
func (tx Tx) IdleAfter(d *Doc) int64 { return tx.idleAfter(d) }

func (tx Tx) idleAfter(d *Doc) int64 {
	if tx.c.Idle > 0 {
		return int64(tx.c.Idle)
	}
	return policy.Add(d.ttl, policy.Add(d.ttl, d.ttl))
}
