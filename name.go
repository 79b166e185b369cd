package secrets

import "strings"

// Name joins parts into a name, with slashes between them. A part may be
// input: one that is empty, . or .., or holds a slash, a # or a NUL byte is an
// error of class [ErrInvalid], so that input can choose neither another
// secret's folder nor a field.
func Name(parts ...string) (string, error) {
	for i, p := range parts {
		reason := badSegment(p)
		if reason == "" && strings.ContainsAny(p, "/#") {
			reason = "holds a slash or a #"
		}
		if reason != "" {
			return "", &Error{Op: "name", Err: invalid("part %d %s", i+1, reason)}
		}
	}
	if len(parts) == 0 {
		return "", &Error{Op: "name", Err: invalid("no parts")}
	}
	return strings.Join(parts, "/"), nil
}

// splitName checks a name and splits it into its document path and its field.
func splitName(name string) (path, field string, err error) {
	path, field, hasField := cut(name, "#")
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
		segment, rest, more = cut(rest, "/")
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

// cut is strings.Cut, once: what is parsed here is cut in many places.
//
//go:noinline
func cut(s, sep string) (before, after string, found bool) { return strings.Cut(s, sep) }
