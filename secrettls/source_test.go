package secrettls_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davecgh/go-spew/spew"
	"github.com/kr/pretty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretstest"
	"github.com/go-secrets/secrets/secrettls"
)

func open(t *testing.T, doc string, opts ...secrettls.Option) (*secrettls.Source, *secretstest.Provider, error) {
	t.Helper()
	r, p := secretstest.New(t, map[string]string{"tls": doc}, secrets.WithLogger(nil))
	s, err := secrettls.New(t.Context(), r, "tls", opts...)
	if err == nil {
		t.Cleanup(s.Stop)
	}
	return s, p, err
}

func serial(s *secrettls.Source) int64 { return s.Certificate().Leaf.SerialNumber.Int64() }

func TestNew(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "root")
	middle := issue(t, ca, 2, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = "middle", true, true, x509.KeyUsageCertSign
	})
	leaf := issue(t, middle, 7, nil)

	for name, test := range map[string]struct {
		doc   string
		opts  []secrettls.Option
		chain int
		roots bool
	}{
		"a Kubernetes secret":            {doc: kubernetes(t, leaf), chain: 1},
		"a Kubernetes secret with roots": {doc: kubernetes(t, leaf, ca), chain: 1, roots: true},
		"a certificate with its chain":   {doc: text(t, map[string]string{"tls.crt": leaf.certPEM() + middle.certPEM(), "tls.key": leaf.keyPEM(t)}), chain: 2},
		"what Vault issues": {doc: text(t, map[string]any{
			"certificate": leaf.certPEM(), "private_key": leaf.keyPEM(t), "issuing_ca": middle.certPEM(),
			"ca_chain": []string{middle.certPEM(), ca.certPEM()}, "expiration": 1,
		}), chain: 2, roots: true},
		"keys of one's own": {doc: text(t, map[string]string{"c": leaf.certPEM(), "k": leaf.keyPEM(t), "r": ca.certPEM()}), opts: []secrettls.Option{secrettls.WithKeys("c", "k", "r")}, chain: 1, roots: true},
		"PEM text":          {doc: leaf.keyPEM(t) + leaf.certPEM() + middle.certPEM(), chain: 2},
	} {
		t.Run("reads "+name, func(t *testing.T) {
			t.Parallel()
			s, _, err := open(t, test.doc, test.opts...)
			require.NoError(t, err)
			assert.Equal(t, int64(7), serial(s))
			assert.Len(t, s.Certificate().Certificate, test.chain)
			assert.Equal(t, test.roots, s.Roots() != nil)
			require.NoError(t, s.Err())
		})
	}

	for name, doc := range map[string]string{"in a document": text(t, map[string]string{"ca.crt": ca.certPEM()}), "as PEM text": ca.certPEM()} {
		t.Run("reads roots alone "+name, func(t *testing.T) {
			t.Parallel()
			s, _, err := open(t, doc)
			require.NoError(t, err)
			assert.NotNil(t, s.Roots())
			assert.Nil(t, s.Certificate())
			_, err = s.GetCertificate(nil)
			require.Error(t, err)
			cert, err := s.GetClientCertificate(nil)
			require.NoError(t, err)
			assert.Empty(t, cert.Certificate, "none is presented")
		})
	}

	secret := canary.New()
	for name, doc := range map[string]string{
		"a key that does not fit":                    text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": ca.keyPEM(t)}),
		"a malformed key":                            text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": secret}),
		"a malformed certificate":                    text(t, map[string]string{"tls.crt": "-----BEGIN CERTIFICATE-----\n" + secret + "aa\n-----END CERTIFICATE-----\n", "tls.key": leaf.keyPEM(t)}),
		"a key without a certificate":                text(t, map[string]string{"tls.key": leaf.keyPEM(t)}),
		"malformed roots":                            text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": leaf.keyPEM(t), "ca.crt": secret}),
		"a list that is none of PEM":                 text(t, map[string]any{"tls.crt": leaf.certPEM(), "tls.key": leaf.keyPEM(t), "ca_chain": []any{1, secret}}),
		"no certificate":                             text(t, map[string]string{"note": secret}),
		"no PEM":                                     secret,
		"broken JSON":                                `{"tls.crt": "` + secret,
		"an expired certificate":                     kubernetes(t, issue(t, ca, 3, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })),
		"a certificate from tomorrow":                kubernetes(t, tomorrow(t, ca)),
		"a certificate without a key":                text(t, map[string]string{"tls.crt": leaf.certPEM()}),
		"a certificate with roots and without a key": text(t, map[string]string{"tls.crt": leaf.certPEM(), "ca.crt": ca.certPEM()}),
		"a certificate with roots and an empty key":  text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": "", "ca.crt": ca.certPEM()}),
		"what Vault signs, without the key":          text(t, map[string]any{"certificate": leaf.certPEM(), "issuing_ca": ca.certPEM(), "ca_chain": []string{ca.certPEM()}}),
		"PEM text of a chain without its key":        leaf.certPEM() + middle.certPEM() + ca.certPEM(),
		"an encrypted key":                           text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + secret + "aa\n-----END ENCRYPTED PRIVATE KEY-----\n"}),
		"roots that have expired":                    expired(t).certPEM() + expired(t).certPEM(),
		"roots that begin tomorrow":                  text(t, map[string]string{"ca.crt": tomorrow(t, nil).certPEM()}),
		"an empty list of roots":                     text(t, map[string]any{"ca_chain": []string{}}),
		"empty parts":                                text(t, map[string]string{"tls.crt": "", "tls.key": "", "ca.crt": ""}),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			t.Parallel()
			_, _, err := open(t, doc)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, canary.For(secret).Error(err))
		})
	}

	t.Run("says that the key is encrypted, and where roots alone belong", func(t *testing.T) {
		t.Parallel()
		_, _, err := open(t, text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"}))
		require.ErrorContains(t, err, "the private key is encrypted")
		_, _, err = open(t, leaf.certPEM()+ca.certPEM())
		require.ErrorContains(t, err, "no private key")
		require.ErrorContains(t, err, "ca.crt")
	})

	t.Run("takes what is as good as valid, or valid in part", func(t *testing.T) {
		t.Parallel()
		for name, doc := range map[string]string{
			"a certificate of an issuer whose clock is ahead": kubernetes(t, issue(t, ca, 7, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Second) })),
			"roots of which one has expired":                  expired(t).certPEM() + ca.certPEM(),
			"roots of which one begins tomorrow":              tomorrow(t, nil).certPEM() + ca.certPEM(),
			"a leaf that is named as a root":                  text(t, map[string]string{"ca.crt": leaf.certPEM()}),
			"a certificate that is its own root, as text":     selfSigned(t).certPEM(),
			"a TLS secret with roots alone":                   text(t, map[string]string{"tls.crt": "", "tls.key": "", "ca.crt": ca.certPEM()}),
		} {
			_, _, err := open(t, doc)
			require.NoError(t, err, name)
		}
		s, _, err := open(t, text(t, map[string]string{"certificate": ca.certPEM()}), secrettls.WithKeys("", "", "certificate"))
		require.NoError(t, err, "roots under the key of a certificate")
		assert.NotNil(t, s.Roots())
	})

	t.Run("tells that there is no such secret", func(t *testing.T) {
		t.Parallel()
		r, _ := secretstest.New(t, nil)
		_, err := secrettls.New(t.Context(), r, "tls")
		require.ErrorIs(t, err, secrets.ErrNotFound)
	})
}

func TestABadVersionLeavesTheLastGoodOne(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "root")
	good, better := issue(t, ca, 1, nil), issue(t, ca, 2, nil)
	for name, bad := range map[string]string{
		"a key that does not fit": text(t, map[string]string{"tls.crt": better.certPEM(), "tls.key": good.keyPEM(t), "ca.crt": ca.certPEM()}),
		"an expired certificate":  kubernetes(t, issue(t, ca, 3, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), ca),
		"no roots any more":       kubernetes(t, better),
		"roots alone":             text(t, map[string]string{"ca.crt": ca.certPEM()}),
		"half a document":         kubernetes(t, better, ca)[:200],
		"no key any more":         text(t, map[string]string{"tls.crt": better.certPEM(), "ca.crt": ca.certPEM()}),
		"an empty key":            text(t, map[string]string{"tls.crt": better.certPEM(), "tls.key": "", "ca.crt": ca.certPEM()}),
		"a certificate to come":   kubernetes(t, tomorrow(t, ca), ca),
		"roots to come":           kubernetes(t, better, tomorrow(t, nil)),
		"expired roots":           kubernetes(t, better, expired(t)),
		"no roots at all":         text(t, map[string]string{"tls.crt": better.certPEM(), "tls.key": better.keyPEM(t), "ca.crt": ""}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, err := open(t, kubernetes(t, good, ca))
			require.NoError(t, err)
			p.Set("tls", bad)
			require.Eventually(t, func() bool { return s.Err() != nil }, 5*time.Second, time.Millisecond)
			require.ErrorIs(t, s.Err(), secrets.ErrInvalid)
			assert.Equal(t, int64(1), serial(s))
			assert.NotNil(t, s.Roots())
			p.Set("tls", kubernetes(t, better, ca))
			require.Eventually(t, func() bool { return serial(s) == 2 }, 5*time.Second, time.Millisecond)
			require.NoError(t, s.Err())
		})
	}
	t.Run("a deletion", func(t *testing.T) {
		t.Parallel()
		s, p, err := open(t, kubernetes(t, good))
		require.NoError(t, err)
		p.Delete("tls")
		require.Eventually(t, func() bool { return s.Err() != nil }, 5*time.Second, time.Millisecond)
		require.ErrorIs(t, s.Err(), secrets.ErrNotFound)
		assert.Equal(t, int64(1), serial(s))
	})
}

func TestAVersionThatIsNotValidYetTakesOverOnceItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t, "root")
		inAnHour := func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(9*time.Hour)
		}
		s, p, err := open(t, kubernetes(t, issue(t, ca, 1, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(3 * time.Hour) }), ca))
		require.NoError(t, err)
		first := s.Roots()
		p.Set("tls", kubernetes(t, issue(t, ca, 2, inAnHour), ca))
		synctest.Wait()
		assert.Equal(t, int64(1), serial(s))
		assert.Same(t, first, s.Roots(), "roots and certificate are of one version")
		require.ErrorIs(t, s.Err(), secrets.ErrInvalid)
		require.ErrorContains(t, s.Err(), "not valid before")

		time.Sleep(30 * time.Minute)
		p.Set("tls", kubernetes(t, issue(t, ca, 3, inAnHour), ca)) // instead of the other
		time.Sleep(45 * time.Minute)
		assert.Equal(t, int64(1), serial(s))
		time.Sleep(15 * time.Minute)
		assert.Equal(t, int64(3), serial(s))
		require.NoError(t, s.Err())
		assert.NotSame(t, first, s.Roots())
	})
}

func TestNoPrinterGetsAtTheKey(t *testing.T) {
	if canary.Race {
		t.Skip("deep printers read locks without taking them; the suites without the race detector run this")
	}
	ca := newAuthority(t, "root")
	leaf := issue(t, ca, 1, nil)
	secretstest.Set(t, map[string]string{"tls": kubernetes(t, leaf, ca)})
	s, err := secrettls.New(t.Context(), nil, "tls")
	require.NoError(t, err)
	server := s.ServerConfig(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert})
	perConnection, err := server.GetConfigForClient(nil)
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: s.ClientConfig(nil)}
	secret := fmt.Sprint(leaf.key.D)
	deep := spew.ConfigState{Indent: " ", DisableMethods: true, DisablePointerMethods: true}
	for name, container := range map[string]any{
		"the source": s, "a struct that holds it": struct{ certs *secrettls.Source }{s}, "a server's configuration": server, "that of a connection": perConnection,
		"a transport": transport, "a client": &http.Client{Transport: transport}, "a server": &http.Server{TLSConfig: server},
	} {
		all := deep.Sdump(container) + fmt.Sprintf("%v %+v %#v", container, container, container) + pretty.Sprint(container)
		for _, form := range []string{secret, leaf.key.D.Text(16), fmt.Sprint(leaf.key.D.Bits())} {
			assert.NotContains(t, all, strings.Trim(form, "[]"), name)
		}
	}
	require.Contains(t, deep.Sdump(s.Certificate()), strings.Trim(fmt.Sprintf("%d", leaf.key.D.Bits()[0]), "[]"), "the test can fail")
}
