// Package canary looks for a secret in places where it must not be: a test
// puts a value that occurs nowhere else into a secret, provokes what it can,
// and searches errors, logs and printed text for it.
package canary

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// prefix makes a canary recognizable to a person who meets one.
const prefix = "canary"

// New returns a text of 38 letters and digits that occurs nowhere else.
func New() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return prefix + hex.EncodeToString(random[:])
}

// A form is a way to write the canary, or a part of it.
type form struct{ name, text string }

// A Search looks for one canary. It is immutable.
type Search struct {
	canary string
	forms  []form
}

// For returns the Search for a canary, which is at least 16 bytes long.
//
// It finds the canary as it is, in hexadecimal, base64 and fmt's ways to print
// bytes, and any part of it that is 12 bytes long, for a message may be cut.
func For(canary string) *Search {
	const part = 12
	if len(canary) < part+4 {
		panic("canary: too short to be unique")
	}
	s := &Search{canary: canary}
	add := func(name, text string) { s.forms = append(s.forms, form{name, text}) }
	add("as it is", canary)
	// The part that is common to all canaries proves nothing.
	for rest := strings.TrimPrefix(canary, prefix); len(rest) >= part; rest = rest[1:] {
		add("in part", rest[:part])
	}
	add("in hexadecimal", hex.EncodeToString([]byte(canary)))
	add("in hexadecimal", fmt.Sprintf("%X", canary))
	add("in hexadecimal", fmt.Sprintf("% x", canary))
	add("in hexadecimal", fmt.Sprintf("% X", canary))
	add("in hexadecimal", fmt.Sprintf("%# x", canary))
	add("as bytes", strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]"))
	add("as Go bytes", trimGo(fmt.Sprintf("%#v", []byte(canary))))
	// Base64 of the canary alone, and of a text that it is in the middle of:
	// three alignments, without the digits that its neighbours have a part in.
	for skip := range 3 {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			aligned := canary[skip:]
			aligned = aligned[:len(aligned)/3*3]
			add("in base64", encoding.EncodeToString([]byte(aligned)))
		}
	}
	return s
}

// trimGo takes the type and the braces off a Go slice literal.
func trimGo(s string) string {
	_, s, _ = strings.Cut(s, "{")
	return strings.TrimSuffix(s, "}")
}

// Text reports whether text holds the canary, and in which form.
func (s *Search) Text(text string) (form string, found bool) {
	if len(text) == 0 {
		return "", false
	}
	for _, f := range s.forms {
		if strings.Contains(text, f.text) {
			return f.name, true
		}
	}
	return "", false
}
