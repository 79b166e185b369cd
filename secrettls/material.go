package secrettls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-secrets/secrets"
)

// material is what one version of a secret says. It is never changed.
type material struct {
	cert  *tls.Certificate // nil: none
	roots *x509.CertPool   // nil: none
	from  time.Time        // when the last part of it becomes valid

	before *material // what is in use until from; nil: there was nothing
}

// at returns the material that is in use at a moment: this one, or the one
// before it for as long as this one is not valid yet.
func (m *material) at(now time.Time) *material {
	if m.before != nil && now.Before(m.from) {
		return m.before
	}
	return m
}

// keys are where the parts of a document are found: under the first that is
// there.
type keys struct{ certificate, key, chain, roots []string }

var defaultKeys = keys{
	certificate: []string{"tls.crt", "certificate"},
	key:         []string{"tls.key", "private_key"},
	chain:       []string{"ca_chain"},
	roots:       []string{"ca.crt", "ca_chain", "issuing_ca"},
}

// parse reads a version of the secret. Its errors tell what is wrong and hold
// nothing of the value: those of the parsers are not wrapped.
func (k keys) parse(s secrets.Secret) (*material, error) {
	p, err := k.parts(s)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	m := new(material)
	switch {
	case len(p.key) > 0:
		if m.cert, err = pair(p.cert, p.key, p.chain); err != nil {
			return nil, err
		}
		if now.After(m.cert.Leaf.NotAfter) {
			return nil, invalid("the certificate expired at %s", told(m.cert.Leaf.NotAfter))
		}
		m.from = m.cert.Leaf.NotBefore
	case len(p.cert) > 0:
		return nil, invalid("there is a certificate and no private key in it; a secret that is roots alone has them under %s, or is PEM text of authorities", k.roots[0])
	case len(p.roots) == 0:
		return nil, invalid("there is no private key and no root in it")
	}
	if len(p.roots) == 0 {
		return m, nil
	}
	from, err := validity(p.roots, now)
	if err != nil {
		return nil, err
	}
	if from.After(m.from) {
		m.from = from
	}
	m.roots = x509.NewCertPool()
	for _, root := range p.roots {
		m.roots.AddCert(root)
	}
	return m, nil
}

// validity returns since when at least one of the roots is valid, which is an
// error if all of them have expired.
func validity(roots []*x509.Certificate, now time.Time) (from time.Time, err error) {
	var end time.Time
	valid := false
	for _, root := range roots {
		if root.NotAfter.After(end) {
			end = root.NotAfter
		}
		if now.After(root.NotAfter) {
			continue
		}
		if !valid || root.NotBefore.Before(from) {
			valid, from = true, root.NotBefore
		}
	}
	if !valid {
		return time.Time{}, invalid("its roots have expired, the last one at %s", told(end))
	}
	return from, nil
}

func told(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// parts are those of a secret: PEM of the certificate and its key, and the
// certificates of chain and roots.
type parts struct {
	cert, key    []byte
	chain, roots []*x509.Certificate
}

// parts takes a secret apart.
func (k keys) parts(s secrets.Secret) (p parts, err error) {
	value := s.Bytes()
	if !bytes.HasPrefix(bytes.TrimSpace(value), []byte("{")) {
		return textParts(value)
	}
	var certKey, rootsKey string
	if p.cert, certKey, err = first(s, k.certificate); err != nil {
		return parts{}, err
	}
	if p.key, _, err = first(s, k.key); err != nil {
		return parts{}, err
	}
	chain, _, err := first(s, k.chain)
	if err != nil {
		return parts{}, err
	}
	roots, rootsKey, err := first(s, k.roots)
	if err != nil {
		return parts{}, err
	}
	if rootsKey == certKey && len(p.key) == 0 {
		p.cert = nil // WithKeys has it hold roots
	}
	if p.chain, err = certificates(chain); err != nil {
		return parts{}, err
	}
	p.roots, err = certificates(roots)
	return p, err
}

// first returns the field of the first key that is there, as PEM.
func first(s secrets.Secret, keys []string) (text []byte, key string, err error) {
	for _, key := range keys {
		f, err := s.Field(key)
		if errors.Is(err, secrets.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		text, err = pemText(f.Bytes())
		return text, key, err
	}
	return nil, "", nil
}

// textParts takes PEM text apart. Without a private key it is roots, unless it
// begins with a certificate that is no authority's: that is a server's chain
// whose key is missing.
func textParts(value []byte) (p parts, err error) {
	if bytes.Contains(value, []byte("PRIVATE KEY-----")) {
		return parts{cert: value, key: value}, nil
	}
	if p.roots, err = certificates(value); err != nil {
		return parts{}, err
	}
	if len(p.roots) > 0 && !p.roots[0].IsCA && !selfSigned(p.roots[0]) {
		return parts{cert: value}, nil
	}
	return p, nil
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// pemText returns a field as PEM: Vault's ca_chain is a list of it.
func pemText(field []byte) ([]byte, error) {
	if !bytes.HasPrefix(field, []byte("[")) {
		return field, nil
	}
	var list []string
	if json.Unmarshal(field, &list) != nil {
		return nil, invalid("a list in it does not hold PEM")
	}
	var all []byte
	for _, text := range list {
		all = append(append(all, text...), '\n')
	}
	return all, nil
}

// pair makes a certificate of PEM, and of the chain what it does not have yet.
func pair(certPEM, keyPEM []byte, chain []*x509.Certificate) (*tls.Certificate, error) {
	if len(certPEM) == 0 {
		return nil, invalid("there is a private key and no certificate in it")
	}
	if _, err := certificates(certPEM); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		if bytes.Contains(keyPEM, []byte("ENCRYPTED")) { // PKCS #8's header, and that of RFC 1423
			return nil, invalid("the private key is encrypted; store it without a passphrase")
		}
		return nil, invalid("the private key is malformed, or does not fit the certificate")
	}
	if len(cert.Certificate) == 1 {
		for _, c := range chain {
			if !selfSigned(c) && !c.Equal(cert.Leaf) {
				cert.Certificate = append(cert.Certificate, c.Raw)
			}
		}
	}
	return &cert, nil
}

// certificates reads all that are in PEM text, which has at least one unless it
// is empty.
func certificates(text []byte) ([]*x509.Certificate, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, invalid("a certificate in it is malformed")
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, invalid("there is no certificate in PEM where one should be")
	}
	return all, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{secrets.ErrInvalid}, args...)...)
}
