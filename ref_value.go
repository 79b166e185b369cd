package secrets

import "strings"

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
	value = unquoted(value)
	value = value[:min(len(value), mostLookedAt)]
	prefixed := foldPrefix(value, formVals) || foldPrefix(value, formSecretRef)
	if !prefixed && holdsReference(value) {
		return Ref{}, false, &Error{Op: "parse reference", Err: invalid("a reference stands within other text, where it is not resolved: make it the whole value")}
	}
	scheme, _, uri := strings.Cut(value[:min(len(value), maxReference)], "://")
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

// mostLookedAt is how much of a value is looked at: more than a variable can
// hold, and a text that is longer is a document, in which nothing is resolved.
const mostLookedAt = 128 << 10

// unquoted returns what may be a reference without blanks and quotes around it,
// as env files leave them in a value, or an editor a newline.
func unquoted(value string) string {
	value = strings.Trim(value, " \t\r\n")
	if n := len(value); n >= 2 && value[0] == value[n-1] && strings.IndexByte("\"'`", value[0]) >= 0 {
		value = strings.Trim(value[1:n-1], " \t\r\n")
	}
	return value
}

// holdsReference reports whether ref+scheme:// stands somewhere in a text. It
// looks at what stands before each ://, and so at each byte once or twice.
func holdsReference(text string) bool {
	for {
		before, after, found := strings.Cut(text, "://")
		if !found {
			return false
		}
		start := len(before)
		for start > 0 && schemeByte(before[start-1]) {
			start--
		}
		for rest := before[start:]; ; {
			_, scheme, found := strings.Cut(rest, formVals)
			if !found {
				break
			}
			if scheme != "" && 'a' <= scheme[0] && scheme[0] <= 'z' { // and the rest of it is of the bytes of a scheme
				return true
			}
			rest = scheme
		}
		text = after
	}
}

// schemeByte reports whether a scheme may hold a byte.
func schemeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}
