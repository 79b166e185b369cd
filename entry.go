package secrets

import "sync/atomic"

// An entry is a name that the app asks for and where it was found.
type entry struct {
	_ notComparable

	// held is what Get returns at once; nil: Get has to think. It is stored
	// under Resolver.mu and loaded by anyone. Store and load order what the
	// Secret opens, which is written before and never after.
	held atomic.Pointer[Secret]
	// used says that somebody asked since the refresher last looked. Get sets
	// it when it is clear, the refresher clears it; no order is needed.
	used atomic.Bool

	dead bool // dropped: it stays in the immutable map until the next promotion

	name string

	// Guarded by Resolver.mu.
	doc     *document // nil: not found (any more)
	part    *part     // what of doc the name is
	last    *Secret   // what was last held
	sibling *entry    // the next name of the same document
}

// A part says what of a document a name is, and what is made of that.
// It never changes: the names that are all of a document share one.
type part struct {
	_ notComparable

	site   *site
	field  string // empty: all of it
	parent bool   // the document is the parent of the name: field is a key, never a pointer
}

// cut returns the part of a version, decoded and trimmed as the site says.
func (p *part) cut(v *version) (text string, err error) {
	switch {
	case p.field == "":
		text, err = v.text()
	case p.parent:
		var o object
		if o, err = v.fields(); err == nil {
			text, err = o.member(p.field)
		}
	default:
		text, err = v.field(p.field)
	}
	if err != nil || !p.site.base64 && !p.site.trim {
		return text, err
	}
	return p.site.text(text)
}

// exact returns the document of exactly the name, which lives in its parent.
func (e *entry) exact() *try {
	return &try{part: &e.part.site.all, path: e.doc.path + "/" + e.part.field}
}

// holds reports whether text, of that version, is what was last held.
func (e *entry) holds(v *version, text string) bool {
	if e.last == nil {
		return false
	}
	last := e.last.snapshot()
	return last.from == v && last.value == text
}

// from returns the version that the held value was cut from.
//
//go:noinline
func (e *entry) from() *version { return e.last.snapshot().from }

// renew makes the Secret of the name in a version, and has it remember the
// bytes that it replaces. It reports whether there are no such, or different
// ones.
func (e *entry) renew(v *version, text string) (changed bool) {
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
	if s.value == v.data() && !s.field && s.prev.IsZero() && v.whole.IsZero() {
		v.setWhole(&e.name)
		e.last = &v.whole
	} else {
		secret := s.secret()
		e.last = &secret
	}
	return changed
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

// drop removes an entry, and lets go of what it held: the immutable map keeps
// the entry for a while.
func (x *nameIndex) drop(e *entry) {
	e.dead, e.last = true, nil
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
	for name, e := range x.fresh { // maps.Copy would have the methods of all that an entry holds linked into every program
		all[name] = e
	}
	x.read.Store(&all)
	x.fresh, x.misses, x.dead = nil, 0, 0
}

func (x *nameIndex) clear() {
	x.read.Store(&map[string]*entry{})
	x.fresh, x.misses, x.dead = nil, 0, 0
}
