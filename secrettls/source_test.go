package secrettls_test

import (
	"crypto/x509"
	"testing"
	"time"

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
		"a key that does not fit":     text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": ca.keyPEM(t)}),
		"a malformed key":             text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": secret}),
		"a malformed certificate":     text(t, map[string]string{"tls.crt": "-----BEGIN CERTIFICATE-----\n" + secret + "aa\n-----END CERTIFICATE-----\n", "tls.key": leaf.keyPEM(t)}),
		"a key without a certificate": text(t, map[string]string{"tls.key": leaf.keyPEM(t)}),
		"malformed roots":             text(t, map[string]string{"tls.crt": leaf.certPEM(), "tls.key": leaf.keyPEM(t), "ca.crt": secret}),
		"a list that is none of PEM":  text(t, map[string]any{"tls.crt": leaf.certPEM(), "tls.key": leaf.keyPEM(t), "ca_chain": []any{1, secret}}),
		"no certificate":              text(t, map[string]string{"note": secret}),
		"no PEM":                      secret,
		"broken JSON":                 `{"tls.crt": "` + secret,
		"an expired certificate":      kubernetes(t, issue(t, ca, 3, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			t.Parallel()
			_, _, err := open(t, doc)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, canary.For(secret).Error(err))
		})
	}

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
