package grammar

import (
	"errors"
	"strings"
)

// Find tells whether a value, such as that of an environment variable, is a
// reference, and returns it without the quotes and blanks around it. It may be
// malformed all the same. A value that holds ref+scheme:// and is not wholly a
// reference is an error. known reports whether there is a backend for a scheme.
//
// file://, env:// and envfile:// alone are plain text.
func Find(value string, known func(scheme string) bool) (reference string, found bool, err error) {
	value = unquoted(value)
	value = value[:min(len(value), mostLookedAt)]
	prefixed := foldPrefix(value, formVals) || foldPrefix(value, formSecretRef)
	if !prefixed && holdsReference(value) {
		return "", false, errors.New("a reference stands within other text, where it is not resolved: make it the whole value")
	}
	scheme, _, uri := strings.Cut(value[:min(len(value), MaxLength)], "://")
	switch strings.ToLower(scheme) {
	case "file", "env", "envfile":
		if uri {
			return "", false, nil
		}
	}
	if !looksLikeReference(value, known) {
		return "", false, nil
	}
	return value, true, nil
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

// looksLikeReference reports whether s, which may be any text, has the form
// of a reference: of a foreign one, or of this module's own under a scheme
// that is known. It may be malformed all the same.
func looksLikeReference(s string, known func(string) bool) bool {
	s = s[:min(len(s), MaxLength)] // what says so stands at its beginning
	if scheme, _, ok := strings.Cut(s, "://"); ok && known(strings.ToLower(scheme)) {
		return true
	}
	switch {
	case strings.HasPrefix(s, formARN):
		// Environments are full of ARNs, of roles and queues.
		parts := strings.SplitN(s, ":", 6)
		return len(parts) == 6 && (parts[2] == "secretsmanager" && strings.HasPrefix(parts[5], "secret:") ||
			parts[2] == "ssm" && strings.HasPrefix(parts[5], "parameter/"))
	case foldPrefix(s, formVals), foldPrefix(s, formSecretRef):
		return strings.Contains(s, "://")
	case strings.HasPrefix(s, formBankVaults):
		return strings.Contains(s, "#") // and not vault:8200, a host and a port
	}
	return strings.HasPrefix(s, formSecretsInit) || strings.HasPrefix(s, formBerglas) || strings.HasPrefix(s, formVaultWrite)
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
