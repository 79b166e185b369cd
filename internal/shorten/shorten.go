// Package shorten bounds what a message shows of a name, which may be input.
package shorten

import (
	"strconv"
	"unicode/utf8"
)

// most is how many bytes of a name a message shows.
const most = 200

// Head returns the first bytes of a text, as many as a message shows, and no
// half a character.
func Head(s string) string {
	end := min(len(s), most)
	for back := 0; back < utf8.UTFMax && end > 0 && end < len(s) && !utf8.RuneStart(s[end]); back++ {
		end--
	}
	return s[:end]
}

// Quote makes a name safe to print on one line. It is strconv.Quote for text
// that a person typed, and bounded for text that nobody did.
func Quote(s string) string {
	if len(s) > most {
		s = Head(s) + "…"
	}
	return strconv.Quote(s)
}
