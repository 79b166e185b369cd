package gcp

import (
	"errors"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/foreign"
	"github.com/go-secrets/secrets/internal/option"
)

// check refuses a URI with which no provider can be opened, or no document
// read. It looks at the URI and at the environment, and reads no file.
func check(ref secrets.Ref) error {
	p, err := configured(ref.Options)
	if err != nil {
		return err
	}
	if ref.Path == "" {
		return p.checkBase(ref)
	}
	_, err = p.locate(ref)
	var f *fault.Error
	if errors.As(err, &f) && f.CannotSpell && hasParent(ref.Path) {
		return nil // the search for a name in a document goes on there
	}
	return err
}

// checkBase refuses a base below which no name is.
func (p *Provider) checkBase(ref secrets.Ref) error {
	base := strings.TrimSuffix(ref.Base, "/")
	if base == "" {
		return errNoProject()
	}
	_, _, front := header(strings.Split(base, "/"))
	for _, segment := range front {
		if segment == "" || !foreign.Only(segment, anyID) {
			return invalid("%s stands in front of every name, and can be no part of a secret's id: letters, digits, - and _ only", option.Show(segment))
		}
	}
	ref.Path = "x" // what is wrong for this name is so for every one
	_, err := p.locate(ref)
	return err
}

// hasParent reports whether a path has a secret and something below it.
func hasParent(path string) bool {
	_, _, segments := header(strings.Split(path, "/"))
	return len(segments) > 1 && segments[0] != "" && foreign.Only(segments[0], anyID)
}
