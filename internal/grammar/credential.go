package grammar

import (
	"errors"
	"strings"

	"github.com/go-secrets/secrets/internal/token"
)

// A URI holds no credential: it stands in configuration, in process lists, in
// errors and on status pages. What looks like one is refused, and the error
// does not repeat it.

var (
	errUserinfo = errors.New("holds what looks like user:password@ in its path; credentials belong into the environment or a file (write @ as %40 if it is part of the name)")
	errToken    = errors.New("holds what looks like a token; credentials belong into the environment or a file")
)

// credentialOptions are never accepted in a URI, whatever the backend and
// however they are spelled: capitals, dashes and underscores don't count.
var credentialOptions = []string{
	"accesskey", "accesskeyid", "apikey", "awsaccesskeyid", "awssecretaccesskey", "awssessiontoken", "clientsecret",
	"credential", "credentials", "jwt", "key", "passwd", "password", "privatekey", "pwd", "secret", "secretaccesskey",
	"secretid", "secretkey", "sessiontoken", "token", "vaulttoken", "wrappedtoken",
}

// bareOption spells an option as credentialOptions does.
func bareOption(c rune) rune {
	switch {
	case c == '-' || c == '_' || c == '.':
		return -1
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}

// credentialInRest refuses user information in what follows scheme://, as it is
// written, options apart.
func credentialInRest(scheme, path, field string) error {
	switch {
	case credentialInPath(path), cutByCredential(path, field):
		return errUserinfo
	case scheme == "vault" && userOfHost(path): // Vault's paths begin with a mount, and no mount has an @
		return errUserinfo
	}
	return nil
}

// credentialInPath reports whether a raw path holds user information before an
// @: in its first segment or, if the password has a slash in it, a later one.
// So it is for each URL that the path holds. An ARN has colons and may have an
// @, and is none.
func credentialInPath(path string) bool {
	for more := true; more; _, path, more = strings.Cut(path, "://") {
		path = strings.TrimLeft(path, "/")
		this, _, _ := strings.Cut(path, "://")
		before, _, at := strings.Cut(this, "@")
		if at && !isARN(this) && isUserinfo(before) {
			return true
		}
	}
	return false
}

// isUserinfo reports whether what stands before an @ is user:password, or a
// token. The colon may be escaped; that of a drive (C:/) does not count.
func isUserinfo(before string) bool {
	first, _, _ := strings.Cut(before, "/")
	if user, password, colon := strings.Cut(unescapedColon(first), ":"); colon {
		drive := len(user) == 1 && password == "" && first != before
		return !drive
	}
	return first == before && token.Like(before)
}

func unescapedColon(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "%3A", ":"), "%3a", ":")
}

// userOfHost reports whether a raw path begins as user@host does.
func userOfHost(path string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return strings.Contains(first, "@") && !isARN(path)
}

// cutByCredential reports whether a password with a # in it is what divides
// path and field: vault://user:pa#ss@host.
func cutByCredential(path, field string) bool {
	_, password, colon := strings.Cut(unescapedColon(path), ":")
	selector := strings.Trim(password, "0123456789") == "" // of a version: ssm://db:4#key
	return colon && !selector && !strings.Contains(path, "/") && strings.Contains(field, "@") && !isARN(path)
}

// isARN reports whether a text begins as every ARN does: arn and five parts
// after it, up to the resource.
func isARN(s string) bool {
	if !strings.HasPrefix(s, formARN) {
		return false
	}
	head, _, _ := strings.Cut(s, "/")
	head, _, _ = strings.Cut(head, "@")
	return strings.Count(head, ":") >= 5
}

// tokenInPath reports whether a segment of a path is a token of Vault, which
// has the dot and the length that no name has by chance.
func tokenInPath(path string) bool {
	for rest, more := path, true; more; {
		var segment string
		if segment, rest, more = strings.Cut(rest, "/"); len(segment) >= 24 && token.OfVault(segment) {
			return true
		}
	}
	return false
}

// credentialInOption reports whether an option's value holds user information:
// as it is written, or within a URL once it has been decoded.
func credentialInOption(raw, value string) bool {
	if strings.IndexByte(value, '@') >= 0 && strings.Contains(value, "://") {
		return true
	}
	authority, _, _ := strings.Cut(strings.TrimLeft(raw, "/"), "/")
	before, _, at := strings.Cut(authority, "@")
	return at && !isARN(raw) && isUserinfo(before)
}
