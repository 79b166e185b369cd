package grammar

import (
	"errors"
	"strings"
)

var (
	errNUL        = errors.New("holds a NUL byte")
	errIncomplete = errors.New("ends in an incomplete %XX escape (a plain % is written %25)")
	errNoHex      = errors.New("has a % that no two hex digits follow (a plain % is written %25)")
)

// unescape decodes %XX and refuses NUL. Its errors do not quote s.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", errNUL
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
			return "", errIncomplete
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", errNoHex
		}
		c := byte(hi<<4 | lo)
		if c == 0 {
			return "", errNUL
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
