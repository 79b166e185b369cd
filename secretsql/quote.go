package secretsql

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const redaction = "[REDACTED]"

// A quoted is a password as it appears in texts.
type quoted struct {
	forms []string

	// public has the password in other places of a connection string, too: it
	// is the user's name, for instance. Then it is a quotation only where a
	// password stands.
	public bool
}

// quotedAs returns a password as it appears in texts, where others are what
// else a connection string says.
func quotedAs(password string, others ...string) quoted {
	if password == "" {
		return quoted{}
	}
	inGo := strconv.Quote(password)
	forms := []string{
		url.QueryEscape(password), url.PathEscape(password), url.UserPassword("", password).String()[1:],
		inGo[1 : len(inGo)-1], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password), password,
	}
	// Longer ones first, for they may contain shorter ones.
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return quoted{slices.Compact(forms), slices.Contains(others, password)}
}

// isIn reports whether a text quotes the password.
func (q quoted) isIn(text string) bool {
	for _, form := range q.forms {
		if _, found := q.next(text, form, 0); found {
			return true
		}
	}
	return false
}

// redact returns a text without the password.
func (q quoted) redact(text string) string {
	for _, form := range q.forms {
		from := 0
		for {
			at, found := q.next(text, form, from)
			if !found {
				break
			}
			text = text[:at] + redaction + text[at+len(form):]
			from = at + len(redaction)
		}
	}
	return text
}

// next finds the next place from which a text quotes a form of the password.
func (q quoted) next(text, form string, from int) (at int, found bool) {
	for from <= len(text)-len(form) {
		i := strings.Index(text[from:], form)
		if i < 0 {
			return 0, false
		}
		at := from + i
		before, after := text[:at], text[at+len(form):]
		if q.isQuotation(before, form, after) {
			return at, true
		}
		from = at + 1
	}
	return 0, false
}

// long is from where on a password is no part of a word by accident; one that
// is not of letters and digits alone never is.
const long = 12

// isQuotation reports whether a form of the password that stands between two
// texts is the password, and not a part of a word or an address.
func (q quoted) isQuotation(before, form, after string) bool {
	if q.public {
		return standsForAPassword(before, after)
	}
	if len(form) >= long || strings.ContainsFunc(form, func(r rune) bool { return !isWord(r) }) {
		return true
	}
	return mayBegin(before) && mayEnd(after)
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// mayBegin reports whether a value may begin after a text.
func mayBegin(before string) bool {
	r, size := utf8.DecodeLastRuneInString(before)
	return size == 0 || unicode.IsSpace(r) || strings.ContainsRune("\"'`‘’“”«»=:([{<>,;|", r)
}

// mayEnd reports whether a value may end before a text.
func mayEnd(after string) bool {
	r, size := utf8.DecodeRuneInString(after)
	switch {
	case size == 0 || unicode.IsSpace(r):
		return true
	case r == '.' || r == '!' || r == '?' || r == ':': // at the end of a clause
		next, n := utf8.DecodeRuneInString(after[size:])
		return n == 0 || unicode.IsSpace(next)
	}
	return strings.ContainsRune("\"'`‘’“”«»@,;&)]}<>|", r)
}

// standsForAPassword reports whether what stands between two texts is in the
// place of a password: user:here@host, or password=here.
func standsForAPassword(before, after string) bool {
	if strings.HasSuffix(before, ":") && strings.HasPrefix(after, "@") {
		return true
	}
	before = strings.TrimRight(strings.ToLower(before), `"'`+" ")
	if !strings.HasSuffix(before, "=") && !strings.HasSuffix(before, ":") {
		return false
	}
	before = strings.TrimRight(before[:len(before)-1], `"'`+" ")
	return slices.ContainsFunc([]string{"password", "passwd", "passphrase", "pwd", "pass"}, func(key string) bool {
		return strings.HasSuffix(before, key)
	})
}
