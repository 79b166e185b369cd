package secretsql

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/turns"
	"github.com/go-secrets/secrets/secretsql/internal/guard"
)

// A Source gives credentials to whatever makes connections. [Connector] is
// built on it; use it directly for a pool that is not that of [database/sql].
// It is safe for concurrent use.
type Source struct {
	options
	open     func() (*secrets.Resolver, error)
	name     string
	rejected func(error) bool
	consumer turns.Consumer // whose tries are told from those of other pools

	latest atomic.Pointer[Credentials] // the last that could be read; never changed once stored
	blind  atomic.Int64                // until when nothing is held to compare with, ns since 1970
}

// NewSource returns a Source of the credentials that are found under name. r
// nil: the default resolver. rejected reports whether an error of a connection
// attempt says that the credentials were not accepted; it must not report true
// for other failures, like a network that is down. nil: no error does.
func NewSource(r *secrets.Resolver, name string, rejected func(error) bool, opts ...Option) *Source {
	s := &Source{options: newOptions(opts), open: secrets.Default, name: name, rejected: judge(rejected)}
	if r != nil {
		s.open = func() (*secrets.Resolver, error) { return r, nil }
	}
	return s
}

// judge returns rejected, of which an error is no refusal if it breaks.
func judge(rejected func(error) bool) func(error) bool {
	return func(err error) (refusal bool) {
		if rejected == nil {
			return false
		}
		broke := guard.Do("the judge of an error", func() error {
			refusal = rejected(err)
			return nil
		})
		return refusal && broke == nil
	}
}

// Login calls try with the current credentials, and again with newer ones if
// they are not accepted; see [secrets.Resolver.Retry] for how long it waits
// for those. It returns nil once try does.
//
// The error is that of [secrets.Resolver.Get], [secrets.ErrInvalid] if the
// secret is not what it should be, [secrets.ErrUnauthenticated] if the database
// refuses what the backend has, or else try's. None holds the password: where
// an error of try quotes it, the text is redacted in a copy, and what it wraps
// stays within reach of [errors.Is] and [errors.As].
func (s *Source) Login(ctx context.Context, try func(context.Context, Credentials) error) error {
	r, err := s.open()
	if err != nil {
		return err
	}
	return r.Retry(turns.NewContext(ctx, &s.consumer), s.name, isRejection, func(ctx context.Context, secret secrets.Secret) error {
		c, err := s.read(secret)
		if err != nil {
			return err
		}
		err = try(ctx, c)
		if err == nil {
			return nil
		}
		shown := scrub(err, c)
		if s.rejected(err) {
			return &loginError{shown}
		}
		return shown
	})
}

// read returns the credentials in a version of the secret, or the last good
// ones if it has none: a document that somebody broke fails no query as long
// as the database still takes what was there before.
func (s *Source) read(secret secrets.Secret) (Credentials, error) {
	c, err := s.parse(secret)
	if err != nil {
		if last := s.latest.Load(); last != nil {
			c = *last
			c.asked = secret.Version()
			return c, nil
		}
		return Credentials{}, err
	}
	c.source, c.asked = s, secret.Version()
	if last := s.latest.Load(); last == nil || last.Document.Version() != secret.Version() {
		s.latest.Store(&c)
	}
	return c, nil
}

// done is a context for which nothing is waited.
var done = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (s *Source) isCurrent(c Credentials) bool {
	if until := s.blind.Load(); until != 0 && time.Now().UnixNano() < until {
		return true
	}
	r, err := s.open()
	if err != nil {
		return true
	}
	held, err := r.Get(done, s.name)
	if err != nil {
		// Each Get of what is not held starts a read: not one for each query.
		s.blind.Store(time.Now().Add(time.Second).UnixNano())
		return true
	}
	version := held.Version()
	if version == c.Document.Version() {
		return true
	}
	latest := s.latest.Load()
	if latest == nil || latest.Document.Version() != version {
		now, err := s.read(held)
		if err != nil {
			return true
		}
		latest = &now
	}
	return latest.same(c)
}

// A loginError is an attempt that failed because the credentials were refused,
// judged by the driver's own error.
type loginError struct{ err error }

func (e *loginError) Error() string { return e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

func isRejection(err error) bool {
	var le *loginError
	return errors.As(err, &le)
}
