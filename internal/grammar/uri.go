package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// parseURI reads scheme://path[?options][#field]. The parser is not net/url's:
// the path ends at the first ? or #, the field starts at the first #, and a
// plus is a plus.
func (r *Reference) parseURI(scheme, rest string) error {
	r.Scheme = strings.ToLower(scheme)
	if !ValidScheme(r.Scheme) {
		return errors.New("what stands before :// is no scheme (a letter, then letters, digits, + - .)")
	}
	if err := r.parseRest(rest); err != nil {
		return fmt.Errorf("%s:// %w", r.Scheme, err)
	}
	return nil
}

// parseRest reads what follows scheme://.
func (r *Reference) parseRest(rest string) (err error) {
	rest, field, hasField := strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")

	if err := credentialInRest(r.Scheme, path, field); err != nil {
		return err
	}
	if r.Path, err = unescape(path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if tokenInPath(r.Path) {
		return errToken
	}
	if r.Field, err = unescape(field); err != nil {
		return fmt.Errorf("field: %w", err)
	}
	if hasField && r.Field == "" {
		return errors.New("ends in # with no field after it")
	}
	return r.parseOptions(query)
}

// parseOptions reads option=value&….
func (r *Reference) parseOptions(query string) error {
	for i, more := 1, query != ""; more; i++ {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		k, raw, ok := strings.Cut(pair, "=")
		if !ok || !validOption(k) {
			return fmt.Errorf("option %d does not read name=value", i)
		}
		if _, twice := r.Options[k]; twice {
			return fmt.Errorf("option %s is given twice", k)
		}
		v, err := unescape(raw)
		switch {
		case err != nil:
			return fmt.Errorf("option %s: %w", k, err)
		case slices.Contains(credentialOptions, strings.Map(bareOption, k)):
			return fmt.Errorf("option %s is a credential, which no URI may hold; set it in the environment or a file", k)
		case credentialInOption(raw, v):
			return fmt.Errorf("option %s holds what looks like user:password@ in a URL; credentials belong into the environment or a file", k)
		}
		if r.Options == nil {
			r.Options = make(map[string]string)
		}
		r.Options[k] = v
	}
	return nil
}

// ValidScheme reports whether s is a scheme, in lower case: a letter, then
// letters, digits and + - .
func ValidScheme(s string) bool {
	for i := range len(s) {
		if !schemeByte(s[i]) || i == 0 && (s[i] < 'a' || s[i] > 'z') {
			return false
		}
	}
	return s != ""
}

// schemeByte reports whether a scheme may hold a byte.
func schemeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}

// foldPrefix reports whether s starts with a prefix in lower case, however s
// writes it: a scheme may be written in capitals.
func foldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
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
