package secrettls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"

	"github.com/go-secrets/secrets"
)

// A Source is the current certificate, key and roots of a secret. It is safe
// for concurrent use; what its methods return must not be modified.
type Source struct {
	live *secrets.Live[*material]
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
		// A version that lost a part is a bad one: without roots a client would
		// trust those of the system, and a server would trust nobody.
		if before := last.Load(); before != nil && (before.roots != nil && m.roots == nil || before.cert != nil && m.cert == nil) {
			return nil, invalid("it has lost its certificate or its roots")
		}
		last.Store(m)
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	return &Source{live}, nil
}

// Err returns why the last good version is served rather than the current one;
// nil: it is not.
func (s *Source) Err() error { return s.live.Err() }

// Stop ends the updates; what was current last stays in use.
func (s *Source) Stop() { s.live.Stop() }

// Certificate returns the current certificate with its key, or nil if the
// secret holds roots alone.
func (s *Source) Certificate() *tls.Certificate { return s.live.Get().cert }

// Roots returns the current roots, or nil if the secret holds none.
func (s *Source) Roots() *x509.CertPool { return s.live.Get().roots }

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
