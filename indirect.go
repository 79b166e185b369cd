package secrets

import "errors"

// refers reports whether the text of a part says that the secret is elsewhere.
func (p *part) refers(text string) bool {
	if p.site.follow == followNone {
		return false
	}
	_, found, err := ParseValue(text)
	return found || err != nil
}

// redirect takes a target to the place that a value of its site refers to, and
// nowhere else. It reports false if the value is plain text, or the site does
// not say ?references=. It is called with the lock held.
func (r *Resolver) redirect(t *target, at *try, v *version) (bool, error) {
	if at.site.follow == followNone {
		return false, nil
	}
	text, err := v.text() // a document may be elsewhere as a whole, whatever field is asked of it
	if err == nil && at.parent {
		text, err = at.cut(v)
	}
	if err != nil {
		return false, err
	}
	ref, found, err := at.site.parseValue(text)
	if !found && t.field != "" {
		// A document among whose fields are references holds some within other
		// text, and only the field that was asked matters then.
		text, missing := at.cut(v)
		switch {
		case errors.Is(missing, ErrNotFound):
			return false, missing
		case missing != nil: // no object; if nothing else is wrong, attach tells it
			return false, err
		}
		if ref, found, err = ParseValue(text); found {
			t.field = "" // it was found here
		}
	}
	if !found || err != nil {
		return false, err
	}
	if t.field != "" && ref.Field != "" {
		return false, invalid("the value is a reference that names a field already")
	}
	s, err := r.siteOfValue(&ref, at.site.follow)
	if err != nil {
		return false, err
	}
	s.follow = followNone // one step, so that no circle can be made
	t.sites, t.at, t.exactErr = []*site{s}, 0, nil
	return true, nil
}

// parseValue is [ParseValue] of a document as it is, or else decoded as the site
// says.
func (s *site) parseValue(text string) (ref Ref, found bool, err error) {
	ref, found, err = ParseValue(text)
	if found || err != nil || !s.base64 {
		return ref, found, err
	}
	decoded, wrong := s.text(text)
	if wrong != nil {
		return Ref{}, false, nil // whoever needs it as base64 tells
	}
	return ParseValue(decoded)
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

// relocateReferred searches anew for the names that a document refers elsewhere.
func (r *Resolver) relocateReferred(d *document) {
	for _, e := range append([]*entry(nil), r.referred[d]...) { // which a search may change
		r.relocate(e)
	}
}
