package secrettls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
)

// ServerConfig returns a configuration that serves the current certificate,
// and is otherwise base (nil: the defaults).
//
// If base asks clients for certificates (ClientAuth), they are verified by the
// current roots, those of the same version as the server's certificate, unless
// base has ClientCAs. Each connection then gets a configuration of its own,
// made of base as it is now: what a server adds to its copy later is not in
// there. So base must have NextProtos where net/http or gRPC is to speak
// HTTP/2: []string{"h2", "http/1.1"}.
func (s *Source) ServerConfig(base *tls.Config) *tls.Config {
	cfg := clone(base)
	cfg.Certificates, cfg.GetCertificate = nil, s.GetCertificate
	if cfg.ClientAuth < tls.VerifyClientCertIfGiven || cfg.ClientCAs != nil {
		return cfg
	}
	type versioned struct {
		material *material
		config   *tls.Config
	}
	var cached atomic.Pointer[versioned]
	base = cfg.Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := s.current()
		if c := cached.Load(); c != nil && c.material == m {
			return c.config, nil
		}
		if m.cert == nil {
			return nil, errNoCertificate
		}
		if m.roots == nil {
			return nil, errors.New("secrettls: clients are asked for certificates, and the secret holds no roots to verify them by")
		}
		c := base.Clone()
		// By a func, so that no printer of a connection gets at the key.
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return m.cert, nil }
		c.GetConfigForClient, c.ClientCAs = nil, m.roots
		cached.Store(&versioned{m, c})
		return c, nil
	}
	return cfg
}

// ClientConfig returns a configuration that presents the current certificate
// where a server asks for one, and is otherwise base (nil: the defaults).
//
// Servers are verified by the current roots if the secret has any, unless base
// has RootCAs. That happens in VerifyConnection, with InsecureSkipVerify set so
// that crypto/tls does not do it by fixed roots: names, validity and chain are
// verified as ever, and VerifiedChains stay empty. A VerifyConnection of base
// is called afterwards. A server that is dialled by its IP address is verified
// only if base has that address as ServerName, for crypto/tls does not tell it;
// without it, the handshake fails. Whether the secret has roots counts when
// ClientConfig is called: call it again for roots that a later version adds.
func (s *Source) ClientConfig(base *tls.Config) *tls.Config {
	cfg := clone(base)
	cfg.Certificates, cfg.GetClientCertificate = nil, s.GetClientCertificate
	if cfg.RootCAs != nil || cfg.InsecureSkipVerify || s.Roots() == nil {
		return cfg
	}
	then, now, told := cfg.VerifyConnection, cfg.Time, cfg.ServerName
	cfg.InsecureSkipVerify = true
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: s.Roots(), DNSName: cs.ServerName, Intermediates: x509.NewCertPool()}
		if opts.DNSName == "" {
			opts.DNSName = told
		}
		if now != nil {
			opts.CurrentTime = now()
		}
		if opts.DNSName == "" || len(cs.PeerCertificates) == 0 {
			return errors.New("secrettls: the server's name is unknown, so its certificate cannot be verified; set ServerName")
		}
		for _, c := range cs.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		if _, err := cs.PeerCertificates[0].Verify(opts); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
		}
		if then != nil {
			return then(cs)
		}
		return nil
	}
	return cfg
}

func clone(cfg *tls.Config) *tls.Config {
	if cfg == nil {
		return new(tls.Config)
	}
	return cfg.Clone()
}
