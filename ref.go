package secrets

import (
	"strings"

	"github.com/go-secrets/secrets/internal/grammar"
)

// A Ref says where a document lives:
//
//	scheme://path[?option=value&…][#field]
//
// In a reference the whole path is Path and Base is empty. Of a name that is
// looked for under a provider's URI, Base is the path of that URI and Path is
// the name.
type Ref struct {
	Scheme  string
	Base    string
	Path    string
	Field   string            // a key, or a JSON pointer when it starts with a slash
	Options map[string]string // not to be modified

	name bool // Path is a name that the app asked for
}

// IsName reports whether Path is a name that the app asked for, as opposed to
// the path of a reference. A backend refuses in a name what would be a
// selector there, for a name may be input.
func (r Ref) IsName() bool { return r.name || r.Base != "" }

// Join returns Base and Path with one slash between them.
func (r Ref) Join() string {
	switch {
	case r.Base == "":
		return r.Path
	case r.Path == "":
		return r.Base
	}
	return strings.TrimSuffix(r.Base, "/") + "/" + strings.TrimPrefix(r.Path, "/")
}

// String returns the reference in the form that [ParseRef] reads, its options
// sorted.
func (r Ref) String() string {
	return grammar.Reference{Scheme: r.Scheme, Path: r.Join(), Field: r.Field, Options: r.Options}.String()
}

func (r *Ref) set(option, value string) {
	if r.Options == nil {
		r.Options = make(map[string]string)
	}
	r.Options[option] = value
}

// ParseRef reads a reference, in this package's own form or in one of the
// foreign forms: ARNs of Secrets Manager and SSM parameters (also with the ECS
// suffix), gcp:secretmanager:…, ref+… and secretref+…, vault:path#key and
// sm://project/secret.
//
// The parser is not net/url's: the path ends at the first ? or #, the field
// starts at the first #, escapes (%23) are decoded in every part, and a plus
// is a plus. A credential in s is an error of class [ErrInvalid] that does not
// repeat it, as is everything malformed, and a reference of more than 4 KiB.
// A foreign form is read by its backend, which must be linked; of this package's
// own form, that and whether the options are known is seen when the reference is
// opened.
func ParseRef(s string) (Ref, error) {
	var ref Ref
	parsed, err := grammar.Parse(s, knownScheme)
	if err != nil {
		err = invalid("%v", err)
	} else {
		ref = Ref{Scheme: parsed.Scheme, Path: parsed.Path, Field: parsed.Field, Options: parsed.Options}
		err = ref.translate(parsed.Form)
	}
	if err != nil {
		return Ref{}, &Error{Op: "parse reference", Err: err}
	}
	return ref, nil
}

// translate has the backend of a reference read what is its own in a form.
func (r *Ref) translate(form string) error {
	b, err := lookupBackend(r.Scheme)
	switch {
	case err != nil && form == "":
		return nil // that no backend is linked is seen when it is opened
	case err != nil:
		return err
	case b.Translate != nil:
		err = b.Translate(form, r)
	}
	if len(r.Options) == 0 {
		r.Options = nil
	}
	return err
}

// ParseValue tells whether a value, such as that of an environment variable,
// is a reference, and reads it; found is false if it is plain text, which is
// what nearly every value is.
//
// Only a whole value is a reference; quotes or blanks around one do not make it
// plain text. A value that holds ref+scheme:// or secretref+scheme:// and is not
// wholly one, as in a URL whose password it was meant for, is [ErrInvalid], for
// the program would take it for the secret. So is what begins as a reference and
// is longer than any.
// Of a text of more than 128 KiB, only the beginning is looked at.
//
// A bare file://, env:// or envfile:// is plain text: MIGRATIONS_URL=file://migrations
// is common. With ref+ or secretref+ before it, it is a reference.
func ParseValue(value string) (ref Ref, found bool, err error) {
	text, found, err := grammar.Find(value, knownScheme)
	switch {
	case err != nil:
		return Ref{}, false, &Error{Op: "parse reference", Err: invalid("%v", err)}
	case !found:
		return Ref{}, false, nil
	}
	ref, err = ParseRef(text)
	return ref, err == nil, err
}
