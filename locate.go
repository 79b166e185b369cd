package secrets

import (
	"errors"
	"strings"

	"github.com/go-secrets/secrets/internal/cache"
)

// A place is one document in which a name may be, as what part of it.
type place struct {
	*part
	path string
	doc  *cache.Doc // once somebody has looked there
}

// A candidate is where one member of a chain may have a name: in the document
// of exactly the name, or else in its parent. Either may be nil.
type candidate struct{ exact, parent *place }

// candidates returns where a site may have a name, given as its path and its
// field, which is empty for a name without one.
func (s *site) candidates(path, field string) candidate {
	switch {
	case s.whole && field != "":
		return candidate{exact: s.fieldAt(s.path, field, false)}
	case s.whole:
		return candidate{exact: &place{part: &s.all, path: s.path}}
	case field != "":
		return candidate{exact: s.fieldAt(path, field, false)}
	}
	var c candidate
	if up, last, ok := parentOf(path); ok && s.parent {
		c.parent = s.fieldAt(up, last, true)
	}
	if s.exact || c.parent == nil {
		c.exact = &place{part: &s.all, path: path}
	}
	return c
}

// fieldAt returns the place of a field of a document.
func (s *site) fieldAt(path, field string, parent bool) *place {
	return &place{part: &part{site: s, field: field, parent: parent}, path: path}
}

// cut returns what of a version is at the place. A parent that is no object has
// no such field.
func (at *place) cut(v *cache.Version) (string, error) {
	text, err := at.part.cut(v)
	if at.parent && errors.Is(err, ErrInvalid) {
		err = notFound("%s", strings.TrimPrefix(err.Error(), ErrInvalid.Error()+": "))
	}
	return text, err
}

// fail adds its place to a failure.
func (at *place) fail(err error) error {
	ref := at.site.folder.ref(at.path)
	ref.Field = at.field
	return &placeError{place: at.site.label + ref.String(), err: err}
}

// A ground is what locate goes by.
type ground interface {
	// known returns what is known of the document at a place; ok is false if
	// it must be read first.
	known(at *place) (v *cache.Version, err error, ok bool)
	// isHome reports whether the name was found at the place before.
	isHome(at *place) bool
	// takes refuses a text that must not take the place of what is held for
	// the name.
	takes(at *place, text string) error
	// leads returns the site to which a reference leads that the value at a
	// place holds.
	leads(at *place, ref *Ref) (*site, error)
}

// A location is where a name is, or why it is nowhere, or what must be read
// before that is known.
type location struct {
	at      *place         // where it is
	version *cache.Version // of the document there
	text    string         // the value

	elsewhere *site // the value is a reference, which leads there
	found     bool  // and the field that was asked for was found here, not there

	err  error    // it is nowhere
	read []*place // these documents must be read first
}

// locate says where a name is. Each member of a chain is asked for the exact
// document and then for the parent before the next member is; only a member
// that does not have the name lets the next one be asked. candidates yields the
// members. field is that of the name, and empty if it has none; eager: what
// may be needed later is read with what is needed now.
func locate(members int, candidates func(i int) candidate, field string, eager bool, g ground) location {
	if members == 0 {
		return location{err: notFound("no provider is configured, and the name is no reference")}
	}
	var tried []error // what the members said so far, all of it "not found"
	for i := range members {
		l := locateIn(candidates(i), field, eager, g)
		if !errors.Is(l.err, ErrNotFound) {
			return l
		}
		tried = append(tried, l.err)
	}
	last := tried[len(tried)-1]
	if len(tried) == 1 {
		return location{err: last}
	}
	return location{err: &searchError{tried: tried, deciding: last}}
}

// locateIn is locate in one member.
func locateIn(c candidate, field string, eager bool, g ground) location {
	var first error
	if c.exact != nil {
		l := locateAt(c.exact, field, g)
		if l.read != nil && eager && c.parent != nil {
			if _, _, ok := g.known(c.parent); !ok {
				l.read = append(l.read, c.parent)
			}
		}
		if l.err == nil {
			return l
		}
		first = c.exact.fail(l.err)
		if c.parent == nil || !searchesOn(l.err, g.isHome(c.exact)) {
			return location{err: first}
		}
	}
	l := locateAt(c.parent, field, g)
	if l.err != nil {
		l.err = both(first, c.parent.fail(l.err))
	}
	return l
}

// locateAt is locate at one place.
func locateAt(at *place, field string, g ground) location {
	v, err, ok := g.known(at)
	switch {
	case !ok:
		return location{read: []*place{at}}
	case err != nil:
		return location{err: err}
	}
	ref, refers, isField, err := at.elsewhere(v, field)
	switch {
	case err != nil:
		return location{err: err}
	case refers && !isField && field != "" && ref.Field != "":
		return location{err: invalid("the value is a reference that names a field already")}
	case refers:
		site, err := g.leads(at, &ref)
		return location{elsewhere: site, found: isField, err: err}
	}
	text, err := at.cut(v)
	if err == nil {
		err = g.takes(at, text)
	}
	if err != nil {
		return location{err: err}
	}
	return location{at: at, version: v, text: text}
}

// searchesOn reports whether the failure of the exact document lets the parent
// be asked. A least-privilege policy denies every other name; but a name that
// is held there is not searched for elsewhere on that.
func searchesOn(err error, isHome bool) bool {
	var name interface{ Unspellable() bool }
	switch {
	case errors.Is(err, ErrNotFound):
		return true
	case errors.Is(err, ErrPermission):
		return !isHome
	}
	return errors.Is(err, ErrInvalid) && errors.As(err, &name) && name.Unspellable()
}
