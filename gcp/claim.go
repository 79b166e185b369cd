package gcp

import (
	"sync"
)

// claims remembers which name stands for which secret. Slashes become
// separators, so db/password and db-password would both be the secret
// db-password, and a program that uses both names does not mean one secret.
//
// A name holds its secret while it is being read, and for good once it was
// found: names that were not found claim nothing, so that there are never more
// claims than secrets.
type claims struct {
	mu sync.Mutex
	by map[string]*claim // by the secret's resource name
}

type claim struct {
	name    string
	own     bool // the program's or its configuration's; others may be input
	reading int
	found   bool
}

// take claims a secret for the path of at, or returns an error of class
// ErrInvalid that tells both names. The caller says with done whether the
// secret was found.
//
// A reference that writes the id out says which secret it means and claims
// nothing.
//
// A name that is the program's own takes the secret from one that may be input.
func (c *claims) take(at place, own bool) (done func(found bool), err error) {
	if at.literal {
		return func(bool) {}, nil
	}
	key, name := at.secret, at.path
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.by[key]
	switch {
	case held == nil, held.name != name && own && !held.own:
		if c.by == nil {
			c.by = make(map[string]*claim)
		}
		held = &claim{name: name, own: own}
		c.by[key] = held
	case held.name != name:
		return nil, invalid(
			"the names %s and %s both stand for %s; use one of them, or set ?separator= to what no name holds", quote(held.name), quote(name), at)
	}
	held.own = held.own || own
	held.reading++
	return func(found bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		held.reading--
		held.found = held.found || found
		if !held.found && held.reading == 0 && c.by[key] == held {
			delete(c.by, key)
		}
	}, nil
}
