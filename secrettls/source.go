package secrettls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-secrets/secrets"
)

// A Source is the current certificate, key and roots of a secret. It is safe
// for concurrent use; what its methods return must not be modified.
type Source struct {
	// live is in a func so that no printer gets at the private key.
	live func() *secrets.Live[*material]
}

// An Option says what a secret looks like.
type Option func(*keys)

// WithKeys sets the keys of certificate, private key and roots in the
// document. An empty one leaves the defaults.
func WithKeys(certificate, key, roots string) Option {
	return func(k *keys) {
		for _, set := range []struct {
			into *[]string
			key  string
		}{{&k.certificate, certificate}, {&k.key, key}, {&k.roots, roots}} {
			if set.key != "" {
				*set.into = []string{set.key}
			}
		}
	}
}

// New returns a Source on what r has under name; r nil: the resolver that
// [secrets.Get] would use. It follows the secret until [Source.Stop], or until
// the resolver is closed; ctx bounds the call alone. The error is that of
// [secrets.Resolver.Get], or [secrets.ErrInvalid] if the secret is not what it
// should be.
func New(ctx context.Context, r *secrets.Resolver, name string, opts ...Option) (*Source, error) {
	k := defaultKeys
	for _, set := range opts {
		set(&k)
	}
	var last atomic.Pointer[material]
	live, err := secrets.Bind(ctx, r, name, func(s secrets.Secret) (*material, error) {
		m, err := k.parse(s)
		if err != nil {
			return nil, err
		}
		if err := m.follow(last.Load(), time.Now()); err != nil {
			return nil, err
		}
		last.Store(m)
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	return &Source{func() *secrets.Live[*material] { return live }}, nil
}

// skew is by how much the clock of who issues certificates may be ahead: so
// much earlier one is taken where there is no other.
const skew = time.Minute

// follow puts m after what is in use, unless m is no good in its place.
func (m *material) follow(last *material, now time.Time) error {
	if last == nil {
		if m.from.After(now.Add(skew)) {
			return invalid("its certificate or its roots are not valid before %s; it is now %s", told(m.from), told(now))
		}
		return nil
	}
	used := last.at(now)
	// A version that lost a part is a bad one: without roots a client would
	// trust those of the system, and a server would trust nobody.
	if used.roots != nil && m.roots == nil || used.cert != nil && m.cert == nil {
		return invalid("it has lost its certificate or its roots")
	}
	if m.from.After(now) {
		// A copy, so that no chain of all versions is kept.
		m.before = &material{cert: used.cert, roots: used.roots, from: used.from}
	}
	return nil
}

// current is the material in use: all that one handshake takes is of one.
func (s *Source) current() *material { return s.live().Get().at(time.Now()) }

// Err returns why an earlier version is served rather than the current one:
// that one is no good, is not valid yet, or was deleted. Nil: the current one
// is served.
func (s *Source) Err() error {
	live := s.live()
	if err := live.Err(); err != nil {
		return err
	}
	if m := live.Get(); m.at(time.Now()) != m {
		return invalid("the current version is not valid before %s; the one before it is used until then", told(m.from))
	}
	return nil
}

// Stop ends the updates; what was current last stays in use.
func (s *Source) Stop() { s.live().Stop() }

// Certificate returns the current certificate with its key, or nil if the
// secret holds roots alone.
func (s *Source) Certificate() *tls.Certificate { return s.current().cert }

// Roots returns the current roots, or nil if the secret holds none.
func (s *Source) Roots() *x509.CertPool { return s.current().roots }

var errNoCertificate = errors.New("secrettls: the secret holds roots, and no certificate")

// GetCertificate is for [tls.Config].GetCertificate.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if cert := s.Certificate(); cert != nil {
		return cert, nil
	}
	return nil, errNoCertificate
}

// GetClientCertificate is for [tls.Config].GetClientCertificate. Without a
// certificate in the secret none is sent.
func (s *Source) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if cert := s.Certificate(); cert != nil {
		return cert, nil
	}
	return new(tls.Certificate), nil
}
