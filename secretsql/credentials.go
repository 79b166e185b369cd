package secretsql

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
)

// Credentials are what one version of a secret says. They print no password.
type Credentials struct {
	User     string
	Password secrets.Secret

	// Host, Port and Database are empty without WithEndpoint, and where the
	// document does not have them.
	Host     string
	Port     uint16
	Database string

	// Document is what all of it was cut from, for what else is in there.
	Document secrets.Secret

	source *Source
	asked  string // the version that the resolver gave out: where that is broken, these are of an earlier one
}

// Current reports whether these are still the credentials that the resolver
// holds. It never waits, and costs little more than a lookup. What cannot be
// told, because nothing is held, counts as current.
func (c Credentials) Current() bool {
	if c.source == nil {
		return true
	}
	return c.source.isCurrent(c)
}

// Accepted says that the database took the credentials, so that others need not
// wait for what comes of this attempt. That the function given to
// [Source.Login] returns nil does not say so: it may have had nothing to try.
func (c Credentials) Accepted() {
	if c.source != nil {
		c.source.consumer.Accept(c.asked)
	}
}

// Refused takes back what Accepted said: the database does not take the
// credentials any more. It is for connections that are made outside of
// [Source.Login].
func (c Credentials) Refused() {
	if c.source != nil {
		c.source.consumer.Refuse(c.asked)
	}
}

// WereAccepted reports whether the last that was heard of these credentials is
// that the database took them.
func (c Credentials) WereAccepted() bool {
	return c.source != nil && c.source.consumer.Accepts(c.asked)
}

// parse reads credentials from a version of the secret.
func (o *options) parse(s secrets.Secret) (Credentials, error) {
	c := Credentials{Document: s, User: o.user, Password: s}
	if o.user != "" {
		return c, nil
	}
	var err error
	var user secrets.Secret
	var key string
	for _, key = range o.userKeys {
		if user, err = s.Field(key); err == nil || !errors.Is(err, secrets.ErrNotFound) {
			break
		}
	}
	if err == nil {
		c.User = user.Reveal()
		c.Password, err = s.Field(o.password)
	}
	if err == nil && strings.TrimSpace(c.User) == "" {
		return Credentials{}, &secrets.Error{Op: "login", Name: s.Name(), Err: fmt.Errorf(
			"%w: the user in it is empty (key %s); a database would take that for another user, or for none", secrets.ErrInvalid, key)}
	}
	if err == nil && o.endpoint {
		err = c.parseEndpoint(s)
	}
	if err != nil {
		return Credentials{}, &secrets.Error{Op: "login", Name: s.Name(), Err: fmt.Errorf(
			"%w: want a JSON object with %s and %s, or WithUser if the secret is the password alone: %w",
			secrets.ErrInvalid, o.userKeys[0], o.password, err)}
	}
	return c, nil
}

func (c *Credentials) parseEndpoint(s secrets.Secret) error {
	field := func(keys ...string) (string, error) {
		for _, key := range keys {
			f, err := s.Field(key)
			switch {
			case err == nil:
				return f.Reveal(), nil
			case !errors.Is(err, secrets.ErrNotFound):
				return "", err
			}
		}
		return "", nil
	}
	port := ""
	for _, want := range []struct {
		into *string
		keys []string
	}{{&c.Host, []string{"host"}}, {&port, []string{"port"}}, {&c.Database, []string{"dbname", "database"}}} {
		text, err := field(want.keys...)
		if err != nil {
			return err
		}
		*want.into = text
	}
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil { // which quotes its input
		return fmt.Errorf("%w: the port is no number from 0 to 65535", secrets.ErrInvalid)
	}
	c.Port = uint16(n)
	return nil
}

// same reports whether connections made with either are as good as each other.
func (c Credentials) same(o Credentials) bool {
	return c.User == o.User && c.Password.Equal(o.Password) && c.Host == o.Host && c.Port == o.Port && c.Database == o.Database
}
