package secrets

import (
	"errors"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// Missing documents are remembered in the order in which they were asked for;
// past a tenth of the bound the oldest is forgotten. They never displace held
// ones.

func (r *Resolver) rememberMissing(d *document) {
	if d.rank > 0 || d.dropped {
		return
	}
	r.miss(d)
	most := max(r.maxEntries/10, minMissing, 2*r.sought) // a name is asked for by two documents at a time
	for range r.missing.docs {
		if len(r.missing.docs) <= most {
			return
		}
		if old := r.missing.first(); old != d && !old.awaited() {
			r.dropDocument(old)
		} else {
			r.miss(old) // somebody is waiting for it
		}
	}
}

// miss makes a document the one that was last asked for in vain.
func (r *Resolver) miss(d *document) {
	r.misses++
	d.next = r.misses
	r.missing.fix(d)
}

// minMissing is how many missing documents are remembered at least: searches
// for a name that are under way rely on it.
const minMissing = 64

// forgetExpiredMissing forgets the missing documents whose memory has run out:
// most were tried as somebody's parent, or for somebody's document.
func (r *Resolver) forgetExpiredMissing(now int64) {
	for d := r.missing.first(); d != nil; d = r.missing.first() {
		t := d.trouble
		if d.awaited() || t != nil && (now < t.until || !errors.Is(t.err, ErrNotFound) && now-d.lastUsed < r.idleAfter(d)) {
			return // those behind it were asked for later
		}
		r.dropDocument(d)
	}
}

// awaited reports whether the document is being read, or somebody has yet to
// look at what came of that.
func (d *document) awaited() bool { return d.flight != nil || d.sought > 0 }

// dropDocument forgets a document that no name is cut from, and no search waits
// for.
func (r *Resolver) dropDocument(d *document) {
	if d.dropped || d.entries != nil || d.sought > 0 || len(r.referred[d]) > 0 {
		return
	}
	d.dropped = true
	if d.value == nil {
		r.missing.remove(d)
	} else {
		r.expiring.remove(d)
		d.folder.provider.due.remove(d)
		r.held--
		r.retireVersion(d.folder.provider, d.value)
	}
	if d.folder.docs[d.path] == d {
		delete(d.folder.docs, d.path)
	}
	if w := r.watches[d]; w != nil {
		stop(w.end)
		delete(r.watches, d)
	}
}

// dropEntry forgets a name.
func (r *Resolver) dropEntry(e *entry) {
	r.detach(e)
	r.unrefer(e)
	if len(r.subs[e]) == 0 && !e.dead {
		r.names.drop(e)
		r.named--
	}
}

// lose takes note that a search which began at start has found a name nowhere,
// unless another has found it since.
func (r *Resolver) lose(name string, start int64) {
	e := r.names.find(name)
	if e == nil {
		return
	}
	d := e.doc
	if d != nil && !d.gone() && e.from().mono > start {
		return
	}
	if d != nil {
		event := d.event(EventDeleted, r.now())
		event.Names = []string{name}
		r.tell(event)
		r.noteDeletion(name, d)
	}
	r.dropEntry(e)
	if d != nil {
		r.notify(e) // once, so that those who look again do not wake themselves; and when Get no longer finds it
	}
}

// keep decides whether a name that was just found is held from now on. One that
// was held before is.
func (r *Resolver) keep(t *target) {
	if e := t.entry; !e.dead && e.doc != nil && !r.mayKeep(e) && (t.isNew || e.doc.ttl == 0) {
		r.dropEntry(e)
	}
}

// mayKeep reports whether a held name may stay so, beside all others.
func (r *Resolver) mayKeep(e *entry) bool {
	return e.doc.leased() || len(r.subs[e]) > 0 || e.doc.ttl > 0 && r.makeRoom(e.doc)
}

// dropNameless forgets the documents that a search has read and in which no
// name lives, where they may not stay.
func (r *Resolver) dropNameless(t *target) {
	for i := range min(t.at+1, len(t.sites)) {
		var all [3]*document
		all[0] = t.sites[i].referrer
		exact, parent := t.tries(t.sites[i])
		if exact != nil {
			all[1] = exact.site.folder.docs[exact.path]
		}
		if parent != nil {
			all[2] = parent.site.folder.docs[parent.path]
		}
		for _, d := range all {
			if d != nil && d.value != nil && !d.awaited() && !d.leased() && (d.ttl == 0 || !r.makeRoom(d)) {
				r.dropDocument(d) // unless a name lives there
			}
		}
	}
}

// sweepEvery spaces the sweeps that find nothing.
const sweepEvery = int64(time.Second)

// makeRoom drops documents that nobody has asked for lately, the longest
// unused first, until the bound holds. It reports whether it does.
func (r *Resolver) makeRoom(newest *document) bool {
	if r.held+r.named <= r.maxEntries {
		return true
	}
	now := r.now()
	if now < r.sweepAfter {
		return false
	}
	unused := newUseHeap()
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				if d != newest && d.value != nil && !d.awaited() && !r.inUse(d, now) {
					unused.push(d)
				}
			}
		}
	}
	// A sixteenth more than is needed, so that the next one does not sweep.
	target := r.maxEntries - r.maxEntries/16
	for r.held+r.named > target {
		d := unused.pop()
		if d == nil {
			break
		}
		for d.entries != nil {
			r.dropEntry(d.entries)
		}
		for len(r.referred[d]) > 0 {
			r.dropEntry(r.referred[d][0]) // the next Get searches for it
		}
		r.dropDocument(d)
	}
	if r.held+r.named <= r.maxEntries {
		return true
	}
	r.sweepAfter = now + sweepEvery
	return false
}

// inUse reports whether a document is to be kept: it is used, or its value refers
// a name elsewhere that is.
func (r *Resolver) inUse(d *document, now int64) bool {
	if r.isUsed(d, now) {
		return true
	}
	for _, e := range r.referred[d] {
		if e.doc != nil && r.isUsed(e.doc, now) {
			return true
		}
	}
	return false
}

// isUsed reports whether somebody asked for the document lately, or follows it,
// or it is leased.
//
//go:noinline
func (r *Resolver) isUsed(d *document, now int64) bool {
	return d.leased() || r.pinned(d) || r.recentlyUsed(d, now)
}

// recentlyUsed reports whether somebody asked for the document within the idle
// time.
//
//go:noinline
func (r *Resolver) recentlyUsed(d *document, now int64) bool {
	for e := d.entries; e != nil; e = e.sibling {
		if e.used.Load() {
			return true
		}
	}
	return !d.idle && now-d.lastUsed < r.idleAfter(d)
}

// idleAfter returns after which time without a Get a document is idle.
func (r *Resolver) idleAfter(d *document) int64 {
	if r.idle > 0 {
		return int64(r.idle)
	}
	return policy.Add(d.ttl, policy.Add(d.ttl, d.ttl))
}
