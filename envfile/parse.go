package envfile

import (
	"strconv"
	"strings"
)

// A syntaxError says which line of a file cannot be read, and why. It holds
// nothing of the line: in a broken file, anything may be part of a secret.
type syntaxError struct {
	line int
	why  string
}

func (e *syntaxError) Error() string { return "line " + strconv.Itoa(e.line) + " " + e.why }

const (
	whyNUL         = "holds a NUL byte"
	whyKey         = "does not read KEY=value: a key is letters, digits, _, . and -, and does not start with -"
	whyUnclosed    = "opens a quote that nothing closes"
	whyAfterQuote  = "has text after its closing quote"
	whyReturn      = "has a carriage return in it, which ends the line for some readers and not for others"
	whyBackslash   = "has a backslash before a single quote, which readers take differently; use double quotes, with \\\\ and \\\" in them"
	whyBacktick    = "has a # in backticks, which quote for some readers and not for others; use single or double quotes"
	whyDuplicate   = "has the key of an earlier line"
	whyColon       = "does not read key: value"
	whyGoMap       = "is Go's map[…], what the Agent Injector's default template makes of KV version 2; have a template print {{ .Data.data | toJSON }}"
	byteOrderMark  = "\ufeff"
	blanks         = " \t\r"
	exportKeyword  = "export"
	goMapPrefix    = "map["
	injectorKVData = "data"
)

// parseDotenv reads KEY=value lines:
//
//   - blank lines and lines that start with # are skipped, and so is a key
//     alone, which elsewhere stands for the environment's variable; export may
//     stand before a key;
//   - a plain value ends with its line, or at a # after a blank, and is
//     trimmed; every other character is itself, $ and \ too;
//   - in single quotes everything is itself, line ends too;
//   - in double quotes, \n, \r, \t, \", \\ and \$ are escapes, and any other
//     backslash is itself.
//
// Nothing is expanded, and a key that comes twice is an error; so is a line
// that joho/godotenv and compose-go read as two different values. The error is
// a *syntaxError.
func parseDotenv(text string) (map[string]string, error) {
	text = strings.TrimPrefix(text, byteOrderMark)
	p := dotenvParser{text: text, line: 1}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return nil, &syntaxError{1 + strings.Count(text[:i], "\n"), whyNUL}
	}
	vars := make(map[string]string)
	for p.nextLine() {
		start := p.line
		key, value, why := p.assignment()
		if why == "" && key != "" {
			if _, twice := vars[key]; twice {
				why = whyDuplicate
			}
		}
		if why != "" {
			return nil, &syntaxError{start, why}
		}
		if key != "" {
			vars[key] = value
		}
	}
	return vars, nil
}

type dotenvParser struct {
	text string // what is still to be read
	line int    // the line that text starts in, from 1
}

// nextLine skips blank lines and comments; false: nothing is left.
func (p *dotenvParser) nextLine() bool {
	for {
		p.text = strings.TrimLeft(p.text, blanks)
		switch {
		case p.text == "":
			return false
		case p.text[0] == '\n':
			p.text = p.text[1:]
			p.line++
		case p.text[0] == '#':
			p.restOfLine()
		default:
			return true
		}
	}
}

// restOfLine takes what is left of the line, without its end.
func (p *dotenvParser) restOfLine() string {
	i := strings.IndexByte(p.text, '\n')
	if i < 0 {
		i = len(p.text)
	}
	rest := p.text[:i]
	p.text = p.text[i:]
	return rest
}

// assignment takes one assignment; why says what is wrong with it. Of a key
// alone it returns nothing.
func (p *dotenvParser) assignment() (key, value, why string) {
	if rest, ok := strings.CutPrefix(p.text, exportKeyword); ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		if trimmed := strings.TrimLeft(rest, " \t"); trimmed != "" && trimmed[0] != '=' {
			p.text = trimmed
		}
	}
	n := 0
	for n < len(p.text) && keyByte(p.text[n], n == 0) {
		n++
	}
	if n == 0 {
		return "", "", whyKey
	}
	key, p.text = p.text[:n], strings.TrimLeft(p.text[n:], " \t")
	if p.text == "" || p.text[0] != '=' {
		if rest := p.restOfLine(); strings.Trim(rest, "\r") != "" {
			return "", "", whyKey
		}
		return "", "", ""
	}
	p.text = p.text[1:]
	if trimmed := strings.TrimLeft(p.text, " \t"); trimmed != "" {
		switch trimmed[0] {
		case '\'':
			p.text = trimmed[1:]
			return p.quoted(key, p.singleQuoted)
		case '"':
			p.text = trimmed[1:]
			return p.quoted(key, p.doubleQuoted)
		}
	}
	value, why = plainValue(p.restOfLine())
	return key, value, why
}

// plainValue drops the comment and the blanks around an unquoted value; why
// says what is wrong with it.
func plainValue(s string) (value, why string) {
	s = strings.TrimRight(s, blanks)
	if strings.IndexByte(s, '\r') >= 0 {
		return "", whyReturn
	}
	for i := 1; i < len(s); i++ {
		if s[i] == '#' && (s[i-1] == ' ' || s[i-1] == '\t') {
			if before := strings.TrimLeft(s[:i], blanks); strings.HasPrefix(before, "`") && strings.Count(before, "`")%2 == 1 && strings.Contains(s[i:], "`") {
				return "", whyBacktick
			}
			s = s[:i]
			break
		}
	}
	return strings.TrimSpace(s), ""
}

// quoted takes a quoted value, and makes sure that nothing comes after it.
func (p *dotenvParser) quoted(key string, take func() (value, why string)) (string, string, string) {
	value, why := take()
	if why != "" {
		return "", "", why
	}
	if after := strings.Trim(p.restOfLine(), blanks); after != "" && after[0] != '#' {
		return "", "", whyAfterQuote
	}
	return key, value, ""
}

func (p *dotenvParser) singleQuoted() (value, why string) {
	value, rest, closed := strings.Cut(p.text, "'")
	switch {
	case !closed:
		return "", whyUnclosed
	case strings.HasSuffix(value, `\`):
		return "", whyBackslash
	}
	p.take(value, rest)
	return value, ""
}

// take moves on to rest, past the raw text of a value.
func (p *dotenvParser) take(raw, rest string) {
	p.line += strings.Count(raw, "\n")
	p.text = rest
}

func (p *dotenvParser) doubleQuoted() (value, why string) {
	var b strings.Builder
	for i := 0; ; {
		n := strings.IndexAny(p.text[i:], `"\`)
		if n < 0 {
			return "", whyUnclosed
		}
		b.WriteString(p.text[i : i+n])
		i += n
		if p.text[i] == '"' {
			p.take(p.text[:i], p.text[i+1:])
			return b.String(), ""
		}
		if i+1 == len(p.text) {
			return "", whyUnclosed
		}
		b.WriteString(unescape(p.text[i+1]))
		i += 2
	}
}

// unescape returns what a backslash and c stand for in double quotes.
func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$':
		return string(rune(c))
	}
	return string([]byte{'\\', c})
}

func keyByte(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		return true
	case '0' <= c && c <= '9', c == '.':
		return true
	case c == '-':
		return !first
	}
	return false
}

// parseLines reads key: value lines, as Vault's Agent Injector writes them by
// default. A value is everything after the colon and one blank. Go's map[…],
// which that template prints for KV version 2, is refused: its values cannot
// be told apart. The error is a *syntaxError.
func parseLines(text string) (map[string]string, error) {
	vars := make(map[string]string)
	line := 0
	for raw := range strings.SplitSeq(strings.TrimPrefix(text, byteOrderMark), "\n") {
		line++
		raw = strings.TrimSuffix(raw, "\r")
		if strings.Trim(raw, blanks) == "" {
			continue
		}
		key, value, ok := strings.Cut(raw, ":")
		key = strings.Trim(key, blanks)
		_, twice := vars[key]
		value, spaced := strings.CutPrefix(value, " ")
		why := ""
		switch {
		case strings.IndexByte(raw, 0) >= 0:
			why = whyNUL
		case !ok || key == "" || (!spaced && value != ""):
			why = whyColon
		case key == injectorKVData && strings.HasPrefix(value, goMapPrefix):
			why = whyGoMap
		case twice:
			why = whyDuplicate
		}
		if why != "" {
			return nil, &syntaxError{line, why}
		}
		vars[key] = value
	}
	return vars, nil
}
