package secrets

import "strings"

// A target is one name of a search. Its outcome is set when the search is done.
type target struct {
	name, path, field string
	sites             []*site
	at                int     // the member that is being asked
	exactErr          error   // what the exact document of that member said
	tried             []error // what the members before it said, all of it "not found"
	settled           bool    // there is nothing more to ask

	snap *snapshot
	err  error
}

// newTarget checks a name and finds the sites where it is looked for.
func (r *Resolver) newTarget(name string) (*target, error) {
	path, field, err := splitName(name)
	if err != nil {
		return nil, err
	}
	t := &target{name: name, path: path, field: field}
	if err := r.route(t); err != nil {
		return nil, err
	}
	return t, nil
}

// route sets the sites of a target: its reference, or else the chain.
func (r *Resolver) route(t *target) error {
	reference := func(s *site) error {
		if s.field != "" && t.field != "" {
			return invalid("%s is a reference that names a field already", quote(t.path))
		}
		t.sites = []*site{s}
		return nil
	}
	if len(r.references) == 0 {
		t.sites = r.sites
		return nil
	}
	if s, ok := r.references[t.path]; ok {
		return reference(s)
	}
	for end := strings.LastIndexByte(t.path, '/'); end >= 0; end = strings.LastIndexByte(t.path[:end], '/') {
		if s, ok := r.references[t.path[:end+1]]; ok {
			t.path, t.sites = t.path[end+1:], []*site{s}
			return nil
		}
	}
	if parent, last, ok := parentOf(t.path); ok && t.field == "" {
		if s, ok := r.references[parent]; ok && s.field == "" {
			t.path, t.field = parent, last
			return reference(s)
		}
	}
	t.sites = r.sites
	return nil
}

// A try is one document in which a name may be found.
type try struct {
	_ notComparable

	site  *site
	path  string
	field string
	how   found
}

//go:noinline
func (s *site) try(path, field string, how found) *try {
	return &try{site: s, path: path, field: field, how: how}
}

// fail tells a failed try's place.
func (at *try) fail(err error) error {
	ref := at.site.folder.ref(at.path)
	ref.Field = at.field
	return &tryError{place: at.site.label + ref.String(), err: err}
}

// tries returns where a site may have the name: the exact document first, then
// the parent. Either may be nil.
func (t *target) tries(s *site) (exact, parent *try) {
	switch {
	case s.whole && t.field != "":
		return s.try(s.path, t.field, foundOutright), nil
	case s.whole:
		return s.try(s.path, s.field, foundOutright), nil
	case t.field != "":
		return s.try(t.path, t.field, foundOutright), nil
	}
	if up, last, ok := parentOf(t.path); ok && s.parent {
		parent = s.try(up, last, foundParent)
	}
	if s.exact || parent == nil {
		exact = s.try(t.path, "", foundExact)
	}
	return exact, parent
}

// document returns the document of a try, made if there is none.
func (r *Resolver) document(at *try) *document {
	d := at.site.folder.docs[at.path]
	ttl := int64(at.site.ttl)
	if ttl == 0 {
		ttl = int64(r.ttl)
	}
	if d == nil {
		d = &document{folder: at.site.folder, path: at.path, ttl: ttl, lastUsed: r.now()}
		at.site.folder.docs[at.path] = d
		r.rememberMissing(d) // until it has a value
	} else if ttl < d.ttl {
		r.shorten(d, ttl)
	}
	d.asked = d.asked || at.how != foundParent
	return d
}

// shorten gives a document the shorter TTL of another who asks for it.
func (r *Resolver) shorten(d *document, ttl int64) {
	d.ttl = ttl
	switch {
	case d.value == nil:
	case ttl == 0 && !d.leased():
		d.unpublish()
	case !d.stale():
		if next := satAdd(d.value.mono, int64(float64(ttl)*spread())); next < d.next && !d.leased() {
			d.next = next
			if d.due > 0 {
				r.enqueue(d)
			}
		}
	}
}

// attach makes d the document where the target's name lives.
func (r *Resolver) attach(t *target, at *try, d *document, v *version) error {
	text, err := at.site.cut(v, at.field, at.how)
	if err != nil {
		return err
	}
	e := r.names.find(t.name)
	if e == nil {
		e = &entry{name: t.name}
		r.names.add(e)
		r.named++
	}
	found := e.doc == nil
	if e.doc != d {
		r.detach(e)
		e.doc = d
		e.sibling, d.entries = d.entries, e
		d.pins += int32(len(e.subs))
	}
	e.site, e.field, e.how = at.site, at.field, at.how
	if e.last == nil || e.last.from != v || e.last.value != text {
		found = found || e.last == nil || e.last.value != text
		e.renew(v, text)
	}
	t.snap, t.err = e.last, nil
	now := r.now()
	d.lastUsed = now
	if d.due == 0 && d.flight == nil && (d.pins > 0 || !r.neglected(d, now)) { // else Get reads it
		d.idle = false
		r.enqueue(d)
	}
	r.publish(e)
	if found {
		e.notify() // when Get has it
	}
	r.watchDocument(d)
	return nil
}

// detach takes a name away from its document, which goes if it was the last.
func (r *Resolver) detach(e *entry) {
	d := e.doc
	if d == nil {
		return
	}
	for p := &d.entries; *p != nil; p = &(*p).sibling {
		if *p == e {
			*p = e.sibling
			break
		}
	}
	d.pins -= int32(len(e.subs))
	e.doc, e.sibling = nil, nil
	e.held.Store(nil)
	if d.entries == nil && !d.leased() {
		r.dropDocument(d)
	}
}
