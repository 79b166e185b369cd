package secrets

import (
	"errors"
	"strings"
)

// ParseValue tells whether a value, such as that of an environment variable,
// is a reference, and reads it; found is false if it is plain text, which is
// what nearly every value is.
//
// Only a whole value is a reference. A value that holds ref+scheme:// or
// secretref+scheme:// and is not wholly one, as in a URL whose password it was
// meant for, is [ErrInvalid], for the program would take it for the secret.
// A bare file://, env:// or envfile:// is plain text: MIGRATIONS_URL=file://migrations
// is common. With ref+ or secretref+ before it, it is a reference.
func ParseValue(value string) (ref Ref, found bool, err error) {
	prefixed := strings.HasPrefix(value, "ref+") || strings.HasPrefix(value, "secretref+")
	if !prefixed && holdsReference(value) {
		return Ref{}, false, &Error{Op: "parse reference", Err: invalid("a reference stands within other text, where it is not resolved: make it the whole value")}
	}
	scheme, _, uri := cut(value, "://")
	switch strings.ToLower(scheme) {
	case "file", "env", "envfile":
		if uri {
			return Ref{}, false, nil
		}
	}
	if !looksLikeReference(value) {
		return Ref{}, false, nil
	}
	ref, err = ParseRef(value)
	return ref, err == nil, err
}

// holdsReference reports whether ref+scheme:// stands somewhere in a text.
func holdsReference(text string) bool {
	for rest := text; ; {
		_, after, ok := cut(rest, "ref+")
		if !ok {
			return false
		}
		if scheme, _, ok := cut(after, "://"); ok && validScheme(scheme) {
			return true
		}
		rest = after
	}
}

// redirecting are the options that say where credentials are sent, and how it
// is made sure that they get there.
var redirecting = []string{"address", "agent", "allow_http", "ca_cert", "ca_path", "endpoint", "skip_verify", "tls_server_name"}

// CheckValue refuses a reference that was found in a value and would have
// credentials sent where no configured provider sends them: whoever can set a
// variable could otherwise have the process log in to a server of theirs. The
// error is [ErrInvalid].
func (r *Resolver) CheckValue(ref Ref) error {
	r.lock()
	err := r.checkRedirect(ref)
	r.unlock()
	if err != nil {
		return &Error{Op: "parse reference", Err: err}
	}
	return nil
}

func (r *Resolver) checkRedirect(ref Ref) error {
	for _, option := range redirecting {
		value, ok := ref.Options[option]
		for _, p := range r.configured {
			if p.scheme == ref.Scheme && p.options[option] == value {
				ok = false // it is sent there anyway
			}
		}
		if ok {
			return invalid("the option %s of a %s:// reference in a value says where credentials are sent, and no configured provider has the same", option, ref.Scheme)
		}
	}
	return nil
}

// refers reports whether the text of a part says that the secret is elsewhere.
func (p *part) refers(text string) bool {
	if !p.site.follow {
		return false
	}
	_, found, err := ParseValue(text)
	return found || err != nil
}

// redirect takes a target to the place that a value of its site refers to, and
// nowhere else. It reports false if the value is plain text, or the site does
// not say ?references=true. It is called with the lock held.
func (r *Resolver) redirect(t *target, at *try, v *version) (bool, error) {
	if !at.site.follow {
		return false, nil
	}
	text, err := v.text() // a document may be elsewhere as a whole, whatever field is asked of it
	if err == nil && at.parent {
		text, err = at.cut(v)
	}
	if err != nil {
		return false, err
	}
	ref, found, err := ParseValue(text)
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
	if err := r.checkRedirect(ref); err != nil {
		return false, err
	}
	s, err := r.newSite(&ref, false)
	if err != nil {
		return false, err
	}
	s.follow = false // one step, so that no circle can be made
	t.sites, t.at, t.exactErr = []*site{s}, 0, nil
	return true, nil
}

// A name that a value refers elsewhere lives in the document that it says, and
// depends on the one that the value stands in, its referrer: that is kept fresh
// while the name is in use, and when it changes, the name is searched for anew.

// unrefer takes note that a name is no longer where a value says.
//
//go:noinline
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
