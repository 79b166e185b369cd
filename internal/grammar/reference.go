// Package grammar is the text of references: how one is written, in this
// module's own form and in those of other tools, and which texts are one.
//
// It knows no backend. What is particular to one is that backend's to read, of
// what [Parse] has taken apart. Its errors quote schemes and the names of
// options only: what stands elsewhere may be a credential.
package grammar

import (
	"fmt"
	"slices"
	"strings"
)

// A Reference is a reference taken apart:
//
//	scheme://path[?option=value&…][#field]
type Reference struct {
	Form    string // how it was written: a prefix that tells a foreign form; empty: as above
	Scheme  string
	Path    string
	Field   string
	Options map[string]string
}

// MaxLength is how long a reference may be, in bytes, as it is written.
const MaxLength = 4 << 10

// Parse reads a reference in any form as far as the grammar goes. known reports
// whether there is a backend for a scheme.
func Parse(s string, known func(scheme string) bool) (Reference, error) {
	if len(s) > MaxLength {
		return Reference{}, fmt.Errorf("a reference has at most %d bytes, and this one has %d%s", MaxLength, len(s), longOption(s))
	}
	var r Reference
	if err := r.parse(s, known); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// longOption names the option that makes a reference too long, if one does:
// often it should name a file, and holds the file's content.
func longOption(s string) string {
	const long = 1 << 10
	_, query, _ := strings.Cut(s, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok && validOption(name) && len(value) > long {
			return fmt.Sprintf(", of which its option %s has %d", name, len(value))
		}
	}
	return ""
}

// String returns the reference in the form that [Parse] reads as it, whatever
// form it was written in, its options sorted.
func (r Reference) String() string {
	path, field := escape(r.Path, "?#%"), escape(r.Field, "%")
	if credentialInRest(r.Scheme, path, field) != nil { // it was a name that holds an @
		path, field = strings.ReplaceAll(path, "@", "%40"), strings.ReplaceAll(field, "@", "%40")
	}
	text := path + FormatOptions(r.Options)
	if r.Scheme != "" {
		text = r.Scheme + "://" + text
	}
	if r.Field != "" {
		text += "#" + field
	}
	return text
}

// FormatOptions returns options as String writes them, with the question mark;
// empty: there are none.
func FormatOptions(options map[string]string) string {
	text, sep := "", "?"
	keys := make([]string, 0, len(options))
	for k := range options {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		text += sep + escape(k, "&=#%") + "=" + escape(options[k], "&#%")
		sep = "&"
	}
	return text
}
