package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-secrets/secrets"
)

// expand replaces ${VAR} and ${VAR:-default} in a value; $${ is a plain ${.
// What a variable holds is not expanded again. Errors name variables and quote
// nothing else.
func expand(value string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		at := strings.Index(value, "${")
		if at < 0 {
			b.WriteString(value)
			return b.String(), nil
		}
		if at > 0 && value[at-1] == '$' {
			b.WriteString(value[:at-1] + "${")
			value = value[at+2:]
			continue
		}
		b.WriteString(value[:at])
		inner, rest, closed := strings.Cut(value[at+2:], "}")
		if !closed {
			return "", errors.New("a ${ has no } after it (a plain ${ is written $${)")
		}
		text, err := variable(inner, lookup)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		value = rest
	}
}

// variable returns what stands for the inside of ${…}.
func variable(inner string, lookup func(string) (string, bool)) (string, error) {
	end := 0
	for end < len(inner) && isWord(inner[end], end) {
		end++
	}
	name, rest := inner[:end], inner[end:]
	fallback, hasFallback := strings.CutPrefix(rest, ":-")
	if name == "" || rest != "" && !hasFallback {
		return "", errors.New("what stands in ${…} is a variable's name, or name:-default (a plain ${ is written $${)")
	}
	if strings.Contains(fallback, "${") {
		return "", fmt.Errorf("the default of ${%s} holds another ${, which is not supported", name)
	}
	text, set := lookup(name)
	switch {
	case hasFallback && text == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("the variable %s is not set, and has no default (${%s:-…})", name, name)
	}
	return text, nil
}

// isWord reports whether c may be the i-th byte of a variable's name.
func isWord(c byte, i int) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9'
}

// escapeURI writes what would be structure of a URI as data.
var escapeURI = strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23", "&", "%26")

// asData returns a lookup for a URI: what a variable holds is escaped, unless
// the URI is that variable and nothing else.
func asData(raw string, lookup func(string) (string, bool)) func(string) (string, bool) {
	if alone(raw) {
		return lookup
	}
	return func(name string) (string, bool) {
		text, set := lookup(name)
		return escapeURI.Replace(text), set
	}
}

// alone reports whether a value is one ${…} and nothing else.
func alone(raw string) bool {
	return strings.HasPrefix(raw, "${") && strings.IndexByte(raw, '}') == len(raw)-1
}

// restructured says what variables have changed of a URI's structure, compared
// with one in which they hold a harmless word: its scheme, its options, a field
// or a segment that leads upwards. A variable that starts with a scheme may
// begin a URI. Empty: nothing.
func restructured(raw, text string, lookup func(string) (string, bool)) string {
	if alone(raw) {
		return ""
	}
	harmless, err := expand(raw, func(name string) (string, bool) {
		value, set := lookup(name)
		scheme, _, found := strings.Cut(value, "://")
		switch {
		case value == "":
			return "", set
		case found:
			return scheme + "://x", true
		}
		return "x", true
	})
	if err != nil {
		return "" // the real one has failed before
	}
	meant, err := secrets.ParseRef(harmless)
	is, err2 := secrets.ParseRef(text)
	if err != nil || err2 != nil {
		return "a variable may hold a part of a path or of an option's value, or the whole URI, and no other part of one"
	}
	if climbs(is.Path) > climbs(meant.Path) {
		return "a variable makes a segment of the path . or .., which leads out of where the URI says"
	}
	if is.Scheme != meant.Scheme && !strings.HasPrefix(raw, "${") || (is.Field == "") != (meant.Field == "") || !sameOptions(is.Options, meant.Options) {
		return "a variable may hold a part of a path or of an option's value, or the whole URI, and no other part of one"
	}
	return ""
}

// climbs counts the segments of a path that are . or ..
func climbs(path string) int {
	n := 0
	for segment := range strings.SplitSeq(path, "/") {
		if slices.Contains([]string{".", ".."}, segment) {
			n++
		}
	}
	return n
}

func sameOptions(a, b map[string]string) bool {
	for option := range a {
		if _, ok := b[option]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}
