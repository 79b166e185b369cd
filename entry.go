package secrets

import (
	"maps"
	"sync/atomic"
)

// An entry is a name that the app asks for and where it was found.
type entry struct {
	// held is what Get returns at once; nil: Get has to think. It is stored
	// under Resolver.mu and loaded by anyone. Store and load order the
	// snapshot's fields, which are written before and never after.
	held atomic.Pointer[snapshot]
	// used says that somebody asked since the refresher last looked. Get sets
	// it when it is clear, the refresher clears it; no order is needed.
	used atomic.Bool

	dead bool // dropped: it stays in the immutable map until the next promotion
	how  found

	name string

	// Guarded by Resolver.mu.
	doc     *document // nil: not found (any more)
	site    *site
	field   string
	last    *snapshot // what was last held
	sibling *entry    // the next name of the same document
	subs    []*subscription
}

// found says how a name found its document.
type found uint8

const (
	foundOutright found = iota // a reference, or a name with a field
	foundExact                 // the document of exactly the name
	foundParent                // a field of the parent document
)

// cut returns the bytes of the name in a version of its document.
func (e *entry) cut(v *version) (string, error) { return e.site.cut(v, e.field, e.how) }

// cut returns a field of a version, or what all of it stands for, decoded and
// trimmed as the site says.
func (s *site) cut(v *version, field string, how found) (text string, err error) {
	switch {
	case field == "":
		text, err = v.text()
	case how == foundParent: // a key, never a pointer
		var o object
		if o, err = v.fields(); err == nil {
			text, err = o.member(field)
		}
	default:
		text, err = v.field(field)
	}
	if err != nil || !s.base64 && !s.trim {
		return text, err
	}
	return s.text(text)
}

// renew makes the snapshot of the name in a version, and remembers the bytes
// that it replaces.
func (e *entry) renew(v *version, text string) {
	// The fields of what was decoded are those of the text, not of the document.
	s := &snapshot{name: e.name, value: text, from: v, field: e.field != "" || e.site.base64}
	if old := e.last; old != nil {
		if old.value == text {
			s.value, s.prev = old.value, old.prev
		} else {
			s.prev = newSnapshot(&snapshot{name: old.name, value: old.value, from: old.from, field: old.field})
		}
	}
	e.last = newSnapshot(s)
}

// A nameIndex finds the entry of a name: in an immutable map that is read
// without a lock, or in a second map where new names gather until looking
// there has cost as much as a promotion does. All but read is guarded by
// Resolver.mu.
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

// drop removes an entry.
func (x *nameIndex) drop(e *entry) {
	e.dead = true
	e.held.Store(nil)
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
