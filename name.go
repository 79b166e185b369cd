package secrets

import (
	"errors"
	"strings"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/fields"
	"github.com/go-secrets/secrets/internal/shorten"
)

// The bounds on what is asked for. A name may be input, and what is longer than
// any name that a backend can hold is refused before anything else is done with
// it.
const (
	maxName     = 1 << 10          // bytes, the field included
	maxSegments = fields.MaxTokens // of a path, and of a JSON pointer
)

// Name joins parts into a name, with slashes between them. A part may be
// input: one that is empty, . or .., or holds a slash, a # or a NUL byte is an
// error of class [ErrInvalid], so that input can choose neither another
// secret's folder nor a field. So is more than a name may have: 64 parts, 1 KiB.
func Name(parts ...string) (string, error) {
	if err := checkParts(parts); err != nil {
		return "", &Error{Op: "name", Err: err}
	}
	for i, p := range parts {
		reason := badSegment(p)
		if reason == "" && strings.ContainsAny(p, "/#") {
			reason = "holds a slash or a #"
		}
		if reason != "" {
			return "", &Error{Op: "name", Err: invalid("part %d %s", i+1, reason)}
		}
	}
	return strings.Join(parts, "/"), nil
}

func checkParts(parts []string) error {
	if len(parts) == 0 {
		return invalid("no parts")
	}
	if len(parts) > maxSegments {
		return tooManySegments(len(parts))
	}
	length := len(parts) - 1 // the slashes
	for _, p := range parts {
		length += len(p)
	}
	return checkLength(length)
}

// checkName checks how long a name is, and of how many segments, its field's
// included. Everybody who is given a name calls it first.
func checkName(name string) error {
	if err := checkLength(len(name)); err != nil {
		return err
	}
	path, field, _ := strings.Cut(name, "#")
	if n := strings.Count(path, "/") + 1; n > maxSegments {
		return tooManySegments(n)
	}
	if n := strings.Count(field, "/"); n > maxSegments { // a pointer begins with one
		return tooManySegments(n)
	}
	return nil
}

func checkLength(n int) error {
	if n > maxName {
		return invalid("the name has %d bytes, and a name has at most %d", n, maxName)
	}
	return nil
}

func tooManySegments(n int) error {
	return invalid("the name has %d segments, and a name has at most %d", n, maxSegments)
}

// brief returns a name as an error holds it: of one that is too long, only how
// it begins.
func brief(name string) string {
	if len(name) <= maxName {
		return name
	}
	return shorten.Head(name) + "…"
}

// splitName checks a name and splits it into its document path and its field.
func splitName(name string) (path, field string, err error) {
	if err := checkName(name); err != nil {
		return "", "", err
	}
	path, field, hasField := strings.Cut(name, "#")
	if hasField && field == "" {
		return "", "", invalid("the name ends in # with no field after it")
	}
	if strings.IndexByte(field, 0) >= 0 {
		return "", "", invalid("the field holds a NUL byte")
	}
	if err := checkPath(path); err != nil {
		return "", "", err
	}
	return path, field, nil
}

// checkPath checks the path of a name: segments between slashes, none of them
// empty, . or .., no NUL.
func checkPath(path string) error {
	if path == "" {
		return invalid("the name is empty")
	}
	if strings.Contains(path, "://") {
		return invalid("this is a reference, and Get takes names, so that input cannot choose a backend: give it a name under references, or as the base in SECRETS_URL")
	}
	if path[0] == '/' {
		return invalid("the name starts with a slash: drop it, the base supplies it")
	}
	for rest, more := path, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "" {
			return invalid("a segment of the name is empty: there is a slash too many")
		}
		if reason := badSegment(segment); reason != "" {
			return invalid("a segment of the name %s", reason)
		}
	}
	return nil
}

// badSegment says what is wrong with a segment of a name; empty: nothing.
func badSegment(s string) string {
	switch {
	case s == "":
		return "is empty"
	case s == ".", s == "..":
		return "is " + s
	case strings.IndexByte(s, 0) >= 0:
		return "holds a NUL byte"
	}
	return ""
}

// parentOf splits a path into its parent and its last segment; ok is false
// if it has no parent.
func parentOf(path string) (parent, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

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
