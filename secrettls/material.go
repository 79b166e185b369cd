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
	cert, key, chain, roots, err := k.parts(s)
	if err != nil {
		return nil, err
	}
	m := new(material)
	switch {
	case len(key) > 0:
		if m.cert, err = pair(cert, key, chain); err != nil {
			return nil, err
		}
	case len(roots) == 0:
		return nil, invalid("there is no private key and no root in it")
	}
	if len(roots) > 0 {
		m.roots = x509.NewCertPool()
		for _, root := range roots {
			m.roots.AddCert(root)
		}
	}
	return m, nil
}

// parts takes a secret apart: PEM of the certificate and its key, and the
// certificates of chain and roots.
func (k keys) parts(s secrets.Secret) (cert, key []byte, chain, roots []*x509.Certificate, err error) {
	value := s.Bytes()
	if !bytes.HasPrefix(bytes.TrimSpace(value), []byte("{")) {
		if bytes.Contains(value, []byte("PRIVATE KEY-----")) {
			return value, value, nil, nil, nil
		}
		roots, err = certificates(value)
		return nil, nil, nil, roots, err
	}
	parts := make(map[string][]byte)
	for name, keys := range map[string][]string{"certificate": k.certificate, "key": k.key, "chain": k.chain, "roots": k.roots} {
		for _, key := range keys {
			f, err := s.Field(key)
			if errors.Is(err, secrets.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, nil, nil, nil, err
			}
			if parts[name], err = pemText(f.Bytes()); err != nil {
				return nil, nil, nil, nil, err
			}
			break
		}
	}
	if chain, err = certificates(parts["chain"]); err != nil {
		return nil, nil, nil, nil, err
	}
	roots, err = certificates(parts["roots"])
	return parts["certificate"], parts["key"], chain, roots, err
}

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
		return nil, invalid("the private key is malformed, or does not fit the certificate")
	}
	if time.Now().After(cert.Leaf.NotAfter) {
		return nil, invalid("the certificate expired at %s", cert.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if len(cert.Certificate) == 1 {
		for _, c := range chain {
			selfSigned := bytes.Equal(c.RawSubject, c.RawIssuer)
			if !selfSigned && !c.Equal(cert.Leaf) {
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
