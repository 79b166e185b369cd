package namedfile

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-secrets/secrets/internal/token"
)

// Credential reports whether a text looks like a credential and not like the name of
// a file or directory. Unlike [Plausible] it does not look into the file system, and
// accepts every plain word as a name, since a directory may be made later.
func Credential(name string) bool {
	switch {
	case len(name) > longest, !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return true
	case strings.ContainsAny(name, `"<>|`), strings.Contains(name, "-----"):
		return true
	case strings.HasPrefix(name, "{"), strings.HasPrefix(name, "["): // JSON
		return true
	}
	stated := strings.HasPrefix(name, "/") || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../")
	for segment := range strings.SplitSeq(name, "/") {
		if token.Like(segment) || !stated && len(segment) >= 24 && random(segment, 3) {
			return true
		}
	}
	return len(name) == lenAWSKey && random(strings.ReplaceAll(name, "/", ""), 1)
}

// lenAWSKey is the length of every secret access key of AWS, which may have
// slashes in it.
const lenAWSKey = 40

// random reports whether a text is base64 that changes between capitals, small
// letters and digits as often as only random text does, and has at least so many
// digits.
func random(text string, digits int) bool {
	changes, before, counts := 0, -1, [3]int{}
	for i := range len(text) {
		kind := 0
		switch c := text[i]; {
		case 'a' <= c && c <= 'z':
		case 'A' <= c && c <= 'Z':
			kind = 1
		case '0' <= c && c <= '9':
			kind = 2
		case c == '+' || c == '=':
			continue
		default:
			return false
		}
		if counts[kind]++; i > 0 && kind != before {
			changes++
		}
		before = kind
	}
	return changes*3 >= len(text) && counts[0] > 0 && counts[1] > 0 && counts[2] >= digits
}
