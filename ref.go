package secrets

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	text := escape(r.Join(), "?#%")
	if credentialInPath(text) {
		text = strings.ReplaceAll(text, "@", "%40") // it was a name that holds an @
	}
	if r.Scheme != "" {
		text = r.Scheme + "://" + text
	}
	sep := "?"
	for _, k := range slices.Sorted(maps.Keys(r.Options)) {
		text += sep + escape(k, "&=#%") + "=" + escape(r.Options[k], "&#%")
		sep = "&"
	}
	if r.Field != "" {
		text += "#" + escape(r.Field, "%")
	}
	return text
}

// ParseRef reads a reference, in this package's own form or in one of the
// foreign forms: ARNs of Secrets Manager and SSM parameters (also with the ECS
// suffix), gcp:secretmanager:…, ref+… and secretref+…, vault:path#key and
// sm://project/secret.
//
// The parser is not net/url's: the path ends at the first ? or #, the field
// starts at the first #, escapes (%23) are decoded in every part, and a plus
// is a plus. A credential in s is an error of class [ErrInvalid] that does not
// repeat it, as is everything malformed. Whether the scheme is linked and the
// options are known is seen when the reference is opened.
func ParseRef(s string) (Ref, error) {
	ref, foreign, err := parseForeign(s)
	if !foreign {
		ref, err = parseURI(s)
	}
	if err != nil {
		return Ref{}, &Error{Op: "parse reference", Err: err}
	}
	return ref, nil
}

// parseURI reads scheme://path[?options][#field] into Scheme, Path, Options
// and Field. Its errors quote the scheme and option names only: what stands
// elsewhere may be a credential.
func parseURI(s string) (Ref, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		if strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") {
			return Ref{}, invalid("a reference reads scheme://path[?option=value][#field]; this one has no :// (a directory is file:///run/secrets)")
		}
		return Ref{}, invalid("a reference reads scheme://path[?option=value][#field]; this one has no ://")
	}
	scheme = strings.ToLower(scheme)
	if !validScheme(scheme) {
		return Ref{}, invalid("what stands before :// is no scheme (a letter, then letters, digits, + - .)")
	}
	ref := Ref{Scheme: scheme}
	rest, field, hasField := strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")

	if credentialInPath(path) {
		return Ref{}, invalid("%s:// holds what looks like user:password@ in its path; credentials belong into the environment or a file (write @ as %%40 if it is part of the name)", scheme)
	}
	var err error
	if ref.Path, err = unescape(path); err != nil {
		return Ref{}, invalid("%s:// path: %v", scheme, err)
	}
	if hasField {
		if ref.Field, err = unescape(field); err != nil {
			return Ref{}, invalid("%s:// field: %v", scheme, err)
		}
		if ref.Field == "" {
			return Ref{}, invalid("%s:// ends in # with no field after it", scheme)
		}
	}
	if ref.Options, err = parseOptions(query); err != nil {
		return Ref{}, invalid("%s:// %v", scheme, err)
	}
	return ref, nil
}

// parseOptions reads option=value&….
func parseOptions(query string) (map[string]string, error) {
	if query == "" {
		return nil, nil
	}
	options := make(map[string]string)
	for i, pair := range strings.Split(query, "&") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || !validOption(k) {
			return nil, fmt.Errorf("option %d does not read name=value", i+1)
		}
		if _, twice := options[k]; twice {
			return nil, fmt.Errorf("option %s is given twice", k)
		}
		v, err := unescape(v)
		if err != nil {
			return nil, fmt.Errorf("option %s: %v", k, err)
		}
		if slices.Contains(credentialOptions, bareOption.Replace(strings.ToLower(k))) {
			return nil, fmt.Errorf("option %s is a credential, which no URI may hold; set it in the environment or a file", k)
		}
		if at := strings.IndexByte(v, '@'); at >= 0 && strings.Contains(v, "://") {
			return nil, fmt.Errorf("option %s holds what looks like user:password@ in a URL; credentials belong into the environment or a file", k)
		}
		options[k] = v
	}
	return options, nil
}

// credentialOptions are never accepted in a URI, whatever the backend and
// however they are spelled: capitals, dashes and underscores don't count.
var credentialOptions = []string{
	"accesskey", "accesskeyid", "apikey", "awsaccesskeyid", "awssecretaccesskey", "awssessiontoken", "clientsecret",
	"credential", "credentials", "jwt", "key", "passwd", "password", "privatekey", "pwd", "secret", "secretaccesskey",
	"secretid", "secretkey", "sessiontoken", "token", "vaulttoken", "wrappedtoken",
}

var bareOption = strings.NewReplacer("-", "", "_", "", ".", "")

// credentialInPath reports whether a raw path holds user:password@ in its
// first segment, or in that of a URL that it holds. An ARN has colons and may
// have an @, and is none.
func credentialInPath(path string) bool {
	for more := !strings.HasPrefix(path, "arn:"); more; _, path, more = strings.Cut(path, "://") {
		first, _, _ := strings.Cut(path, "/")
		if before, _, at := strings.Cut(first, "@"); at && strings.Contains(before, ":") {
			return true
		}
	}
	return false
}

func validScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

func validOption(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// unescape decodes %XX and refuses NUL. Its errors do not quote s.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", errors.New("holds a NUL byte")
	}
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("ends in an incomplete %XX escape (a plain % is written %25)")
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", errors.New("has a % that no two hex digits follow (a plain % is written %25)")
		}
		c := byte(hi<<4 | lo)
		if c == 0 {
			return "", errors.New("holds a NUL byte")
		}
		b = append(b, c)
		i += 2
	}
	return string(b), nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// escape writes the bytes of set, and control characters, as %XX.
func escape(s, set string) string {
	var b []byte
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f || strings.IndexByte(set, c) >= 0 {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

const hexDigits = "0123456789ABCDEF"
