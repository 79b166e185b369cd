package secrets

import (
	"slices"
	"strconv"
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
	text, field := escape(r.Join(), "?#%"), escape(r.Field, "%")
	if credentialInRest(r.Scheme, text, field) == userinfoText { // it was a name that holds an @
		text, field = strings.ReplaceAll(text, "@", "%40"), strings.ReplaceAll(field, "@", "%40")
	}
	if r.Scheme != "" {
		text = r.Scheme + "://" + text
	}
	text += r.optionText()
	if r.Field != "" {
		text += "#" + field
	}
	return text
}

// optionText returns the options as String writes them.
func (r *Ref) optionText() string {
	text, sep := "", "?"
	keys := make([]string, 0, len(r.Options))
	for k := range r.Options {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		text += sep + escape(k, "&=#%") + "=" + escape(r.Options[k], "&#%")
		sep = "&"
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
// repeat it, as is everything malformed, and a reference of more than 4 KiB. A foreign form is read by its backend,
// which must be linked; of this package's own form, that and whether the
// options are known is seen when the reference is opened.
func ParseRef(s string) (Ref, error) {
	if len(s) > maxReference {
		return Ref{}, &Error{Op: "parse reference", Err: invalid("a reference has at most %d bytes, and this one has %d%s", maxReference, len(s), longOption(s))}
	}
	var ref Ref
	form, err := ref.parseForm(s)
	if err == nil {
		err = ref.translate(form)
	}
	if err != nil {
		return Ref{}, &Error{Op: "parse reference", Err: err}
	}
	return ref, nil
}

// longOption names the option that makes a reference too long, if one does:
// often it should name a file, and holds the file's content.
func longOption(s string) string {
	_, query, _ := strings.Cut(s, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok && validOption(name) && len(value) > maxName {
			return ", of which its option " + name + " has " + strconv.Itoa(len(value))
		}
	}
	return ""
}

// parseURI reads scheme://path[?options][#field]. Its errors quote the scheme
// and option names only: what stands elsewhere may be a credential.
func (r *Ref) parseURI(scheme, rest string) error {
	r.Scheme = strings.ToLower(scheme)
	if !validScheme(r.Scheme) {
		return invalid("what stands before :// is no scheme (a letter, then letters, digits, + - .)")
	}
	rest, field, hasField := strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")

	wrong := credentialInRest(r.Scheme, path, field)
	if wrong != "" {
		return r.malformed(wrong)
	}
	if r.Path, wrong = unescape(path); wrong != "" {
		return r.malformed("path: " + wrong)
	}
	if tokenInPath(r.Path) {
		return r.malformed(tokenText)
	}
	if r.Field, wrong = unescape(field); wrong != "" {
		return r.malformed("field: " + wrong)
	}
	if hasField && r.Field == "" {
		return r.malformed("ends in # with no field after it")
	}
	if wrong = r.parseOptions(query); wrong != "" {
		return r.malformed(wrong)
	}
	return nil
}

// malformed returns an error about a reference, which quotes its scheme.
func (r *Ref) malformed(text string) error { return invalid("%s", r.Scheme+":// "+text) }

// parseOptions reads option=value&…, and says what is wrong with it; empty:
// nothing.
func (r *Ref) parseOptions(query string) (wrong string) {
	for i, more := 1, query != ""; more; i++ {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		k, v, ok := strings.Cut(pair, "=")
		if !ok || !validOption(k) {
			return "option " + strconv.Itoa(i) + " does not read name=value"
		}
		_, twice := r.Options[k]
		raw := v
		v, what := unescape(raw)
		switch {
		case twice:
			what = " is given twice"
		case what != "":
			what = ": " + what
		case slices.Contains(credentialOptions, strings.Map(bareOption, k)):
			what = " is a credential, which no URI may hold; set it in the environment or a file"
		case credentialInOption(raw, v):
			what = " holds what looks like user:password@ in a URL; credentials belong into the environment or a file"
		}
		if what != "" {
			return "option " + k + what
		}
		r.set(k, v)
	}
	return ""
}

func (r *Ref) set(option, value string) {
	if r.Options == nil {
		r.Options = make(map[string]string)
	}
	r.Options[option] = value
}

func validScheme(s string) bool {
	for i := range len(s) {
		if !schemeByte(s[i]) || i == 0 && (s[i] < 'a' || s[i] > 'z') {
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

// unescape decodes %XX and refuses NUL. What it says is wrong does not quote s;
// empty: nothing.
func unescape(s string) (text, wrong string) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", "holds a NUL byte"
	}
	if strings.IndexByte(s, '%') < 0 {
		return s, ""
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", "ends in an incomplete %XX escape (a plain % is written %25)"
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", "has a % that no two hex digits follow (a plain % is written %25)"
		}
		c := byte(hi<<4 | lo)
		if c == 0 {
			return "", "holds a NUL byte"
		}
		b = append(b, c)
		i += 2
	}
	return string(b), ""
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
	b := make([]byte, 0, len(s))
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
