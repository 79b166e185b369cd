package secrets

import (
	"maps"
	"sync/atomic"

	"github.com/go-secrets/secrets/internal/cache"
)

// names are the names that a resolver holds, and what finds them: all of a
// [Resolver] but its face. One lock guards them and their documents, the cache's.
type names struct {
	index nameIndex // first: what Get reads
	settings
	cache  *cache.Cache
	events *eventQueue

	anyRejected atomic.Bool // some version was rejected in the past

	// Guarded by the cache's lock.
	providers      []*provider
	providersByKey map[string]*provider
	sites          []*site          // the chain
	references     map[string]*site // by name
	configured     []*site          // of the chain and the references, not of values
	searches       map[string]*search
	subs           map[*entry][]*subscription // of names that a Watch or Bind follows
	referred       map[*cache.Doc][]*entry    // the names that a document's value refers elsewhere
	toSearch       []*entry                   // names to search for when all reads of one call are settled
	deleted        map[string]*deletion       // names that were in use, and are gone
	notFoundHint   string                     // added to the error of a missing name
}

func newNames() names {
	return names{
		settings:       defaultSettings(),
		providersByKey: make(map[string]*provider),
		references:     make(map[string]*site),
		searches:       make(map[string]*search),
		subs:           make(map[*entry][]*subscription),
		referred:       make(map[*cache.Doc][]*entry),
		deleted:        make(map[string]*deletion),
	}
}

// An entry is a name that the app asks for and the document where it was found.
type entry struct {
	// published is what Get returns at once; nil: Get takes the slow path. It is
	// stored with the lock and loaded without. The data that the Secret opens is
	// written before the store and never after, so the load sees all of it.
	published atomic.Pointer[Secret]
	// timed is published where documents are read on demand: with the time until
	// which Get returns it.
	timed atomic.Pointer[timedSecret]
	// used says that somebody asked since the flag was last cleared. Get sets
	// it when it is clear, the cache clears it; no order is needed.
	used atomic.Bool

	dead bool // dropped: the entry stays in the immutable map until the next promotion

	name string

	// Guarded by the lock.
	doc     *cache.Doc // nil: not found, or not any more
	part    *part      // the part of doc that the name is
	last    *Secret    // the held value, or the last one
	sibling *entry     // the next name of the same document
}

// A timedSecret is a Secret with the time until which it may be returned.
type timedSecret struct {
	cache.Validity
	secret Secret
}

// use records that somebody asked.
func (e *entry) use() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// entries returns the first of the names that are cut from a document; nil:
// there is none.
func entries(d *cache.Doc) *entry {
	first, _ := d.Names.(*entry)
	return first
}

// version returns the version from which the held value was cut.
func (e *entry) version() *cache.Version { return e.last.snapshot().version }

// isLast reports whether the last held value is text of this version.
func (e *entry) isLast(v *cache.Version, text string) bool {
	if e.last == nil {
		return false
	}
	last := e.last.snapshot()
	return last.version == v && last.value == text
}

// renew makes the Secret of the name in a version, with the bytes that it replaces
// as its previous ones. It reports whether the bytes have changed, or are the first.
func (e *entry) renew(v *cache.Version, text string) (changed bool) {
	// If the value was decoded from base64, its fields are those of text, and not of the document.
	s := snapshot{name: e.name, value: text, version: v, field: e.part.field != "" || e.part.site.base64}
	changed = true
	if e.last != nil {
		old := e.last.snapshot()
		if changed = old.value != text; changed {
			old.prev = Secret{}
			s.prev = old.secret()
		} else {
			s.value, s.prev = old.value, old.prev
		}
	}
	if c := contentOf(v); s.value == v.Data() && !s.field && s.prev.IsZero() && c.whole.IsZero() {
		c.whole = wholeSecret(v, &e.name)
		e.last = &c.whole
	} else {
		secret := s.secret()
		e.last = &secret
	}
	return changed
}

// checkEmpty returns an error if a name whose held value is not empty would become
// empty.
func (e *entry) checkEmpty(text string) error {
	if text == "" && e.last.Reveal() != "" {
		return invalid("the value has become empty; the held one is kept")
	}
	return nil
}

// behind reports whether the held value of a name is of an older version than its
// document, because the newer version lacks the name's field. Such a value has an
// expiry of its own.
func (e *entry) behind(tx cache.Tx) bool { return e.version() != tx.Version(e.doc) }

// Get finds the Secret of a published name without the lock. For a name that is
// withdrawn it takes the slow path.

// publish publishes the held value of an entry if it may be served, and withdraws it
// if not.
func (n *names) publish(tx cache.Tx, e *entry) {
	if !n.onDemand {
		if tx.Ready(e.doc) && !e.behind(tx) {
			e.published.Store(e.last)
		} else {
			e.published.Store(nil)
		}
		return
	}
	until, ok := tx.Validity(e.doc)
	if referrer := e.part.site.referrer; referrer != nil && ok {
		var also cache.Validity
		also, ok = tx.Validity(referrer)
		until.Until = min(until.Until, also.Until)
	}
	if !ok || e.behind(tx) {
		e.timed.Store(nil)
		return
	}
	e.timed.Store(&timedSecret{until, *e.last})
}

// withdraw sends the next Get of the entry to the slow path.
func (e *entry) withdraw() {
	e.published.Store(nil)
	e.timed.Store(nil)
}

// attach attaches a name to the document at a place. It returns the entry, and
// whether the name was attached to no document before.
func (n *names) attach(tx cache.Tx, name string, at *place, v *cache.Version, text string) (e *entry, isNew bool) {
	d := at.doc
	e = n.index.find(name)
	if e == nil {
		e = n.addEntry(tx, name)
	}
	isNew = e.doc == nil
	delete(n.deleted, name)
	n.unrefer(e)
	e.part = at.part
	d.Wants |= e.part.wants()
	if referrer := at.site.referrer; referrer != nil {
		n.referred[referrer] = append(n.referred[referrer], e)
	}
	if e.doc != d {
		n.detach(tx, e)
		e.doc = d
		e.sibling = entries(d)
		d.Names = e
	}
	news := isNew
	if !e.isLast(v, text) && e.renew(v, text) {
		news = true
	}
	tx.NoteFound(d)
	n.publish(tx, e)
	if news || tx.Idle(d) { // after the value is published; a follower of an idle document reads it
		n.notify(e)
	}
	tx.Watch(d)
	return e, isNew
}

// detach detaches a name from its document, and releases the document if it was the
// last name.
func (n *names) detach(tx cache.Tx, e *entry) {
	d := e.doc
	if d == nil {
		return
	}
	if first := entries(d); first == e {
		d.Names = nil
		if e.sibling != nil {
			d.Names = e.sibling
		}
	} else {
		for other := first; other != nil; other = other.sibling {
			if other.sibling == e {
				other.sibling = e.sibling
			}
		}
	}
	e.doc, e.sibling = nil, nil
	e.withdraw()
	tx.Release(d)
}

// If the value of one document, the referrer, is a reference to another document,
// the name lives in that other document and depends on the referrer. The referrer is
// kept fresh while the name is in use, and when it changes, the name is searched for
// again.

// unrefer removes a name from those that its referrer refers elsewhere.
func (n *names) unrefer(e *entry) {
	if e.part == nil || e.part.site.referrer == nil {
		return
	}
	referrer := e.part.site.referrer
	var left []*entry
	for _, other := range n.referred[referrer] {
		if other != e {
			left = append(left, other)
		}
	}
	if n.referred[referrer] = left; left == nil {
		delete(n.referred, referrer)
	}
}

// addEntry adds a name that has no entry.
func (n *names) addEntry(tx cache.Tx, name string) *entry {
	e := &entry{name: name}
	n.index.add(e)
	tx.AddNames(1)
	return e
}

// dropEntry drops a name. If a Watch or Bind follows the name, its entry stays, with
// no document.
func (n *names) dropEntry(tx cache.Tx, e *entry) {
	n.detach(tx, e)
	n.unrefer(e)
	if len(n.subs[e]) == 0 && !e.dead {
		n.index.drop(e)
		tx.AddNames(-1)
	}
}

// mayKeep reports whether a name may stay held: it is leased or followed, or there
// is room.
func (n *names) mayKeep(tx cache.Tx, e *entry) bool {
	return tx.Leased(e.doc) || len(n.subs[e]) > 0 || tx.Kept(e.doc) && tx.Evict(e.doc)
}

// A nameIndex finds the entry of a name: in an immutable map that is read without a
// lock, or in a second map of new names. When the look-ups in the second map have
// cost as much as a promotion does, the new names are promoted. The lock guards all
// fields but read.
type nameIndex struct {
	read   atomic.Pointer[map[string]*entry]
	fresh  map[string]*entry
	misses int
	dead   int // entries in read that were dropped
}

// find returns the entry of a name; nil: there is none.
func (x *nameIndex) find(name string) *entry {
	if e := (*x.read.Load())[name]; e != nil && !e.dead {
		return e
	}
	e := x.fresh[name]
	if e != nil {
		if x.misses++; x.misses >= len(x.fresh)+len(*x.read.Load()) {
			x.promote()
		}
	}
	return e
}

// add adds an entry for a name that has none.
func (x *nameIndex) add(e *entry) {
	if x.fresh == nil {
		x.fresh = make(map[string]*entry)
	}
	x.fresh[e.name] = e
}

// drop removes an entry. It clears the entry's value, because the immutable map
// keeps the entry for a while.
func (x *nameIndex) drop(e *entry) {
	e.dead, e.last = true, nil
	e.withdraw()
	if x.fresh[e.name] == e {
		delete(x.fresh, e.name)
		return
	}
	if x.dead++; x.dead > len(*x.read.Load())/2 {
		x.promote()
	}
}

// promote makes a new immutable map of all names.
func (x *nameIndex) promote() {
	old := *x.read.Load()
	all := make(map[string]*entry, len(old)-x.dead+len(x.fresh))
	for name, e := range old {
		if !e.dead {
			all[name] = e
		}
	}
	maps.Copy(all, x.fresh)
	x.read.Store(&all)
	x.fresh, x.misses, x.dead = nil, 0, 0
}

func (x *nameIndex) clear() {
	x.read.Store(&map[string]*entry{})
	x.fresh, x.misses, x.dead = nil, 0, 0
}
