package envfile

import (
	"strconv"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// claims remembers which name each variable was found by. Two names on one
// variable would be two secrets on any other backend, so the later is refused.
// Only variables that exist are claimed, so names that are mere input do not
// fill the map.
type claims struct {
	mu    sync.Mutex
	names map[[2]string]claim // by source and variable
}

// A claim is the name that a variable was found by.
type claim struct {
	name string
	own  bool // the program's or its configuration's; others may be input
}

// claim takes a variable for a name, or says which other name has it. A name
// that is the program's own takes it from one that may be input.
func (c *claims) claim(source, variable, name string, own bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{source, variable}
	first, taken := c.names[key]
	if !taken || own && !first.own {
		if c.names == nil {
			c.names = make(map[[2]string]claim)
		}
		c.names[key] = claim{name, own}
		return nil
	}
	if first.name == name {
		return nil
	}
	return fault.New(secrets.ErrInvalid, "the names "+strconv.Quote(first.name)+" and "+strconv.Quote(name)+" both stand for the variable "+variable+"; use one of them only", nil)
}
