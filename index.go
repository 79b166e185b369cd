package secrets

import (
	"maps"
	"sync/atomic"

	"github.com/go-secrets/secrets/internal/cache"
)

// An entry is a name that the app asks for and where it was found.
type entry struct {
	// held is what Get returns at once; nil: Get has to think. It is stored
	// with the lock and loaded by anyone. Store and load order what the
	// Secret opens, which is written before and never after.
	held atomic.Pointer[Secret]
	// lasting is held where documents are read on demand: with the time until
	// which Get returns it.
	lasting atomic.Pointer[lasting]
	// used says that somebody asked since the flag was last cleared. Get sets
	// it when it is clear, the cache clears it; no order is needed.
	used atomic.Bool

	dead bool // dropped: it stays in the immutable map until the next promotion

	name string

	// Guarded by the lock.
	doc     *cache.Doc // nil: not found (any more)
	part    *part      // what of doc the name is
	last    *Secret    // what was last held
	sibling *entry     // the next name of the same document
}

// lasting is a Secret with the time until which it may be returned.
type lasting struct {
	cache.Validity
	secret Secret
}

// use takes note that somebody asked.
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

// from returns the version that the held value was cut from.
func (e *entry) from() *cache.Version { return e.last.snapshot().from }

// holds reports whether text, of that version, is what was last held.
func (e *entry) holds(v *cache.Version, text string) bool {
	if e.last == nil {
		return false
	}
	last := e.last.snapshot()
	return last.from == v && last.value == text
}

// renew makes the Secret of the name in a version, and has it remember the
// bytes that it replaces. It reports whether there are no such, or different
// ones.
func (e *entry) renew(v *cache.Version, text string) (changed bool) {
	// The fields of what was decoded are those of the text, not of the document.
	s := snapshot{name: e.name, value: text, from: v, field: e.part.field != "" || e.part.site.base64}
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

// checkEmpty refuses that a name which is held becomes empty.
func (e *entry) checkEmpty(text string) error {
	if text == "" && e.last.Reveal() != "" {
		return invalid("the value has become empty; the held one is kept")
	}
	return nil
}

// behind reports whether what is held for a name is of an older version than
// its document, the name's field being gone from that: it has an end of its own.
func (e *entry) behind(tx cache.Tx) bool { return e.from() != tx.Version(e.doc) }

// A name whose Get need not think is published: Get finds its Secret with no
// lock.

// publish has Get return what the entry holds at once, if it may.
func (r *Resolver) publish(tx cache.Tx, e *entry) {
	if !r.onDemand {
		if tx.Ready(e.doc) && !e.behind(tx) {
			e.held.Store(e.last)
		} else {
			e.held.Store(nil)
		}
		return
	}
	until, ok := tx.Validity(e.doc)
	if from := e.part.site.referrer; from != nil && ok {
		var also cache.Validity
		also, ok = tx.Validity(from)
		until.Until = min(until.Until, also.Until)
	}
	if !ok || e.behind(tx) {
		e.lasting.Store(nil)
		return
	}
	e.lasting.Store(&lasting{until, *e.last})
}

// withdraw has Get of the entry think.
func (e *entry) withdraw() {
	e.held.Store(nil)
	e.lasting.Store(nil)
}

// attach makes the document at a place the one where a name lives. It returns
// the entry, and whether the name was held nowhere before.
func (r *Resolver) attach(tx cache.Tx, name string, at *place, v *cache.Version, text string) (e *entry, isNew bool) {
	d := at.doc
	e = r.names.find(name)
	if e == nil {
		e = r.addEntry(tx, name)
	}
	isNew = e.doc == nil
	delete(r.deleted, name)
	r.unrefer(e)
	e.part = at.part
	d.Wants |= e.part.wants()
	if from := at.site.referrer; from != nil {
		r.referred[from] = append(r.referred[from], e)
	}
	if e.doc != d {
		r.detach(tx, e)
		e.doc = d
		e.sibling = entries(d)
		d.Names = e
	}
	news := isNew
	if !e.holds(v, text) && e.renew(v, text) {
		news = true
	}
	tx.NoteFound(d)
	r.publish(tx, e)
	if news || tx.Idle(d) { // when Get has it, or to have it read
		r.notify(e)
	}
	tx.Watch(d)
	return e, isNew
}

// detach takes a name away from its document, which goes if it was the last.
func (r *Resolver) detach(tx cache.Tx, e *entry) {
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

// A name that a value refers elsewhere lives in the document that it says, and
// depends on the one that the value stands in, its referrer: that is kept fresh
// while the name is in use, and when it changes, the name is searched for anew.

// unrefer takes note that a name is no longer where a value says.
func (r *Resolver) unrefer(e *entry) {
	if e.part == nil || e.part.site.referrer == nil {
		return
	}
	from := e.part.site.referrer
	var left []*entry
	for _, other := range r.referred[from] {
		if other != e {
			left = append(left, other)
		}
	}
	if r.referred[from] = left; left == nil {
		delete(r.referred, from)
	}
}

// addEntry adds a name that is not there.
func (r *Resolver) addEntry(tx cache.Tx, name string) *entry {
	e := &entry{name: name}
	r.names.add(e)
	tx.AddNames(1)
	return e
}

// dropEntry forgets a name, unless somebody follows it; then it lives nowhere.
func (r *Resolver) dropEntry(tx cache.Tx, e *entry) {
	r.detach(tx, e)
	r.unrefer(e)
	if len(r.subs[e]) == 0 && !e.dead {
		r.names.drop(e)
		tx.AddNames(-1)
	}
}

// mayKeep reports whether a held name may stay so, beside all others.
func (r *Resolver) mayKeep(tx cache.Tx, e *entry) bool {
	return tx.Leased(e.doc) || len(r.subs[e]) > 0 || tx.Kept(e.doc) && tx.Evict(e.doc)
}

// A nameIndex finds the entry of a name: in an immutable map that is read
// without a lock, or in a second map where new names gather until looking
// there has cost as much as a promotion does. All but read is guarded by the
// lock.
type nameIndex struct {
	read   atomic.Pointer[map[string]*entry]
	fresh  map[string]*entry
	misses int
	dead   int // entries in read that were dropped
}

// find returns the entry of a name, or nil.
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

// add adds an entry that find does not find.
func (x *nameIndex) add(e *entry) {
	if x.fresh == nil {
		x.fresh = make(map[string]*entry)
	}
	x.fresh[e.name] = e
}

// drop removes an entry, and lets go of what it held: the immutable map keeps
// the entry for a while.
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
