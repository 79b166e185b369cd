// Package option says what is wrong with the value of an option in a URI. It
// shows a value only if that can be no credential.
package option

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets/internal/namedfile"
	"github.com/go-secrets/secrets/internal/nearest"
)

// OneOf returns what is wrong with the value of an option that is one of some
// words, or nothing: "option kv is 1 or 2, not "3"", with the nearest word if
// one is near.
func OneOf(name, value string, legal ...string) string {
	for _, word := range legal {
		if value == word {
			return ""
		}
	}
	last := len(legal) - 1
	words := legal[last]
	if last > 0 {
		words = strings.Join(legal[:last], ", ") + " or " + words
	}
	return Not(name, words, value) + nearest.Hint(value, legal)
}

// Bool returns what is wrong with the value of an option that is true or false,
// or nothing.
func Bool(name, value string) string { return OneOf(name, value, "true", "false") }

// Not returns a sentence about an option that is something else than it has to
// be: "option version is a number from 1 on, not "latest"".
func Not(name, legal, value string) string {
	return "option " + name + " is " + legal + ", not " + Show(value)
}

// longest is the longest value that is shown, in bytes.
const longest = 64

// Show returns a value for a message: quoted, or only how long it is where it
// may be a credential.
func Show(value string) string {
	if len(value) > longest || strings.ContainsAny(value, "@?") || namedfile.Credential(value) {
		return fmt.Sprintf("what it holds (%d bytes)", len(value))
	}
	return strconv.Quote(value)
}

// File returns what is wrong with the value of an option that names a file or
// folder, or nothing. It does not look whether there is one.
func File(name, value string) string {
	if !namedfile.Credential(value) {
		return ""
	}
	return fmt.Sprintf("option %s is no file name (%d bytes); if it is a credential, write that into a file and give the file's name", name, len(value))
}
