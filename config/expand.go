package config

import (
	"errors"
	"fmt"
	"strings"
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
