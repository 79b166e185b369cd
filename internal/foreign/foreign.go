// Package foreign is what backends share that read the references of other
// tools (secrets.Backend.Translate).
package foreign

import (
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// Set sets an option, which must not have another value yet.
func Set(ref *secrets.Ref, name, value string) error {
	if old, ok := ref.Options[name]; ok && old != value {
		return Invalid(ref.Scheme + ":// says its " + name + " twice, and differently")
	}
	if ref.Options == nil {
		ref.Options = make(map[string]string)
	}
	ref.Options[name] = value
	return nil
}

// Rename gives options that another tool calls by other names our names for
// them: their first, our first, their second, and so on.
func Rename(ref *secrets.Ref, names ...string) error {
	for i := 0; i+1 < len(names); i += 2 {
		value, ok := ref.Options[names[i]]
		if !ok {
			continue
		}
		delete(ref.Options, names[i])
		if err := Set(ref, names[i+1], value); err != nil {
			return err
		}
	}
	return nil
}

// The sets of bytes that most parts of references are made from.
const (
	Lower  = "abcdefghijklmnopqrstuvwxyz"
	Upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	Digits = "0123456789"
)

// Only reports whether s has no byte but those of set.
func Only(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Invalid returns an error of class ErrInvalid.
func Invalid(msg string) error { return fault.New(secrets.ErrInvalid, msg, nil) }
