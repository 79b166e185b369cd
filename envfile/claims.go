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
	names map[[2]string]string // by source and variable
}

func (c *claims) claim(source, variable, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{source, variable}
	first, taken := c.names[key]
	if !taken {
		if c.names == nil {
			c.names = make(map[[2]string]string)
		}
		c.names[key] = name
		return nil
	}
	if first == name {
		return nil
	}
	return fault.New(secrets.ErrInvalid, "the names "+strconv.Quote(first)+" and "+strconv.Quote(name)+" both stand for the variable "+variable+"; use one of them only", nil)
}
