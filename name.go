package secrets

import (
	"strings"
	"unicode/utf8"
)

// The bounds on what is asked for. A name may be input, and what is longer than
// any name that a backend can hold is refused before anything else is done with
// it.
const (
	maxName      = 1 << 10 // bytes, the field included
	maxSegments  = 64      // of a path, and of a JSON pointer
	maxReference = 4 << 10 // bytes, as it is written
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
	return head(name) + "…"
}

// head returns the first bytes of a text, as many as a message shows, and no
// half a character.
func head(s string) string {
	end := min(len(s), mostShown)
	for back := 0; back < utf8.UTFMax && end > 0 && end < len(s) && !utf8.RuneStart(s[end]); back++ {
		end--
	}
	return s[:end]
}

// mostShown is how many bytes of a name a message shows.
const mostShown = 200

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
