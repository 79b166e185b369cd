package secrets

import (
	"errors"
	"strings"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/fields"
	"github.com/go-secrets/secrets/internal/shorten"
)

// The bounds of a name. A name may be input, so one that is longer than any backend
// can hold is refused before anything else is done with it.
const (
	maxName     = 1 << 10          // bytes, the field included
	maxSegments = fields.MaxTokens // of a path, and of a JSON pointer
)

// Name joins parts into a name, with slashes between them. A part may be
// input: one that is empty, . or .., or holds a slash, a # or a NUL byte is an
// error of class [ErrInvalid], so that input can choose neither another
// secret's folder nor a field. More than 64 parts, or a name of more than 1 KiB, is
// an error of the same class.
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

// checkName checks the length of a name and its number of segments, the field
// included. Every function that is given a name calls it first.
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

// brief returns a name for an error, or only the beginning if it is too long.
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

// badSegment returns why a segment of a name is wrong; empty: it is right.
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

// A place is one document in which a name may be, and the part of it that the name
// would be.
type place struct {
	*part
	path string
	doc  *cache.Doc // nil until a search has looked there
}

// A candidate is where one member of a chain may have a name: in the exact document,
// which has the path of the name, or else in its parent. Either may be nil.
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

// cut returns the part of a version that is at the place. If the version of a parent
// is not a JSON object, the field is not found.
func (at *place) cut(v *cache.Version) (string, error) {
	text, err := at.part.cut(v)
	if at.parent && errors.Is(err, ErrInvalid) {
		err = notFound("%s", strings.TrimPrefix(err.Error(), ErrInvalid.Error()+": "))
	}
	return text, err
}

// fail adds the place to a failure.
func (at *place) fail(err error) error {
	ref := at.site.folder.ref(at.path)
	ref.Field = at.field
	return &placeError{place: at.site.label + ref.String(), err: err}
}

// facts is the knowledge from which locate decides.
type facts interface {
	// known returns what is known of the document at a place; ok is false if
	// it must be read first.
	known(at *place) (v *cache.Version, err error, ok bool)
	// isHome reports whether the name was found at the place before.
	isHome(at *place) bool
	// accepts returns an error if text must not replace the held value of the
	// name.
	accepts(at *place, text string) error
	// siteFor returns the site to which ref leads, a reference in the value at a
	// place.
	siteFor(at *place, ref *Ref) (*site, error)
}

// A location says where a name is, or why it was not found, or which documents must
// be read first.
type location struct {
	at      *place         // where it is
	version *cache.Version // of the document there
	text    string         // the value

	elsewhere *site // the value is a reference, which leads there
	found     bool  // the field that was asked for was found here, so it is not looked for there

	err  error    // why it was not found
	read []*place // these documents must be read first
}

// locate says where a name is. In each member of a chain it looks for the exact
// document and then for the parent. It goes on to the next member only if a member
// does not have the name. candidates returns where a member may have it. field is
// that of the name, and empty if it has none. eager: the documents that may be
// needed later are read together with those that are needed now.
func locate(members int, candidates func(i int) candidate, field string, eager bool, g facts) location {
	if members == 0 {
		return location{err: notFound("no provider is configured, and the name is no reference")}
	}
	var tried []error // of the members so far, all ErrNotFound
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
func locateIn(c candidate, field string, eager bool, g facts) location {
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
func locateAt(at *place, field string, g facts) location {
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
		site, err := g.siteFor(at, &ref)
		return location{elsewhere: site, found: isField, err: err}
	}
	text, err := at.cut(v)
	if err == nil {
		err = g.accepts(at, text)
	}
	if err != nil {
		return location{err: err}
	}
	return location{at: at, version: v, text: text}
}

// searchesOn reports whether the search goes on to the parent after the exact
// document has failed. It does after a denial, since a least-privilege policy denies
// documents that do not exist; but not if the name was found in the exact document
// before.
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
