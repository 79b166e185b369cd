package secrets

import (
	"errors"
	"strings"

	"github.com/go-secrets/secrets/internal/policy"
)

// A target is one name of a search. Its outcome is set when the search is done.
type target struct {
	name, path, field string
	sites             []*site
	at                int          // the member that is being asked
	exact, parent     *try         // its tries; either may be nil
	asked             *site        // whose tries they are; nil: not known yet
	exactErr          error        // what the exact document of that member said
	tried             []error      // what the members before it said, all of it "not found"
	settled           bool         // there is nothing more to ask
	need              [2]*document // room for what step returns

	entry  *entry // where it was attached
	isNew  bool   // it was held nowhere before
	secret *Secret
	err    error
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
		if s.all.field != "" && t.field != "" {
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
		if s, ok := r.references[parent]; ok && s.all.field == "" {
			t.path, t.field = parent, last
			return reference(s)
		}
	}
	t.sites = r.sites
	return nil
}

// takesField reports whether one of its tries is for a field of a document.
func (t *target) takesField(path string) bool {
	for _, at := range []*try{t.exact, t.parent} {
		if at != nil && at.path == path && at.field != "" {
			return true
		}
	}
	return false
}

// A try is one document in which a name may be found, as what part of it.
type try struct {
	_ notComparable

	*part
	path string
}

// tryField returns a try at a field of a document.
//
//go:noinline
func (s *site) tryField(path, field string, parent bool) *try {
	return &try{part: &part{site: s, field: field, parent: parent}, path: path}
}

// cut returns what the try is for. A parent that is no object has no such
// field.
func (at *try) cut(v *version) (string, error) {
	text, err := at.part.cut(v)
	if at.parent && errors.Is(err, ErrInvalid) {
		err = notFound("%s", strings.TrimPrefix(err.Error(), ErrInvalid.Error()+": "))
	}
	return text, err
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
	if t.asked != s {
		t.asked, t.exact, t.parent = s, nil, nil
		t.findTries(s)
	}
	return t.exact, t.parent
}

func (t *target) findTries(s *site) {
	switch {
	case s.whole && t.field != "":
		t.exact = s.tryField(s.path, t.field, false)
		return
	case s.whole:
		t.exact = &try{part: &s.all, path: s.path}
		return
	case t.field != "":
		t.exact = s.tryField(t.path, t.field, false)
		return
	}
	if up, last, ok := parentOf(t.path); ok && s.parent {
		t.parent = s.tryField(up, last, true)
	}
	if s.exact || t.parent == nil {
		t.exact = &try{part: &s.all, path: t.path}
	}
}

// document returns the document of a try, made if there is none.
func (r *Resolver) document(at *try) *document {
	d := at.site.folder.docs[at.path]
	said := int64(at.site.ttl)
	ttl := said
	if ttl == 0 {
		ttl = int64(r.ttl)
	}
	if d == nil {
		d = &document{folder: at.site.folder, path: at.path, ttl: ttl, said: said, lastUsed: r.now()}
		at.site.folder.docs[at.path] = d
		r.rememberMissing(d) // until it has a value
	} else {
		if ttl < d.ttl {
			r.shorten(d, ttl)
		}
		if said > 0 && (d.said == 0 || said < d.said) {
			d.said = said
			r.hasten(d, said)
		}
	}
	d.asked = d.asked || !at.parent
	return d
}

// shorten gives a document the shorter TTL of another who asks for it.
func (r *Resolver) shorten(d *document, ttl int64) {
	d.ttl = ttl
	if d.value != nil && ttl == 0 && !d.leased() {
		d.unpublish()
		return
	}
	r.hasten(d, ttl)
}

// hasten has a document that is held read again by a TTL, if it would be later.
func (r *Resolver) hasten(d *document, ttl int64) {
	if d.value == nil || d.stale() || d.leased() {
		return
	}
	if next := policy.Add(d.value.mono, policy.Part(ttl, policy.Spread())); next < d.next {
		d.next = next
		if d.due > 0 {
			r.enqueue(d)
		}
	}
}

// attach makes d the document where the target's name lives.
func (r *Resolver) attach(t *target, at *try, d *document, v *version) error {
	text, err := at.cut(v)
	if err != nil {
		return err
	}
	e := r.names.find(t.name)
	if e == nil {
		e = &entry{name: t.name}
		r.names.add(e)
		r.named++
	}
	if e.doc != nil && e.doc != d && e.doc.usable(r.now()) {
		if err := e.checkEmpty(text); err != nil {
			return err
		}
	}
	found := e.doc == nil
	t.isNew = found
	delete(r.deleted, t.name)
	r.unrefer(e)
	e.part = at.part
	if from := at.site.referrer; from != nil {
		r.referred[from] = append(r.referred[from], e)
	}
	if e.doc != d {
		r.detach(e)
		e.doc = d
		e.sibling, d.entries = d.entries, e
	}
	if !e.holds(v, text) && e.renew(v, text) {
		found = true
	}
	t.entry, t.secret, t.err = e, e.last, nil
	now := r.now()
	d.lastUsed = now
	if d.idle && !r.overdue(d, now) { // else Get reads it, or waits for who does
		d.idle = false
		if d.flight == nil {
			r.enqueue(d)
		}
	}
	r.publish(e)
	if found || d.idle { // when Get has it, or to have it read
		r.notify(e)
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
	e.doc, e.sibling = nil, nil
	e.held.Store(nil)
	if d.entries == nil && !d.leased() {
		r.dropDocument(d)
	}
}
