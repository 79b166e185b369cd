package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// An authority signs the certificates of a server.
type authority struct {
	pem  []byte
	leaf tls.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "ca " + serial.String()}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "server"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	require.NoError(t, err)
	return authority{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}}
}

// tlsServer is a Vault whose certificate can be renewed.
func tlsServer(t *testing.T, current *atomic.Pointer[authority]) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that each request shakes hands
		_, _ = fmt.Fprint(w, kvX)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are what is tested
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{current.Load().leaf}}, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestTheServersAuthorityIsReadAgainWhenItChanges(t *testing.T) {
	for name, c := range map[string]struct {
		option, variable string
		folder           bool
	}{
		"option ca_cert":           {option: "ca_cert"},
		"option ca_path":           {option: "ca_path", folder: true},
		"VAULT_CACERT":             {variable: "VAULT_CACERT"},
		"VAULT_CAPATH":             {variable: "VAULT_CAPATH", folder: true},
		"OpenBao's BAO_CACERT":     {variable: "BAO_CACERT"},
		"an option over variables": {option: "ca_cert", variable: "BAO_CACERT"},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("VAULT_TOKEN", "t")
			var current atomic.Pointer[authority]
			first, second := newAuthority(t), newAuthority(t)
			current.Store(&first)
			dir := t.TempDir()
			file := filepath.Join(dir, "ca.pem")
			replace := func(a authority) {
				require.NoError(t, os.WriteFile(file+".new", a.pem, 0o600))
				require.NoError(t, os.Rename(file+".new", file))
			}
			replace(first)
			path := file
			if c.folder {
				path = dir
			}
			options := setup{"address": tlsServer(t, &current)}
			if c.variable != "" {
				t.Setenv(c.variable, path)
			}
			if c.option != "" {
				options[c.option] = path
			}
			opened, err := open(options)
			require.NoError(t, err)
			p := opened.(*Provider)
			defer p.Close()
			read := func() error {
				_, err := p.Fetch(t.Context(), secrets.Ref{Path: "kv/x", Options: map[string]string{"mount": "kv", "kv": "1"}})
				return err
			}
			require.NoError(t, read())

			current.Store(&second) // the server has another authority, and the file not yet
			require.ErrorContains(t, read(), "VAULT_CACERT")
			require.NoError(t, os.WriteFile(file, []byte("half of a certif"), 0o600))
			require.Error(t, read(), "a file in the middle of being written changes nothing")
			replace(second)
			require.NoError(t, read())
		})
	}
}

func TestAnAuthorityThatCannotBeReadIsToldAtTheOpening(t *testing.T) {
	bareEnvironment(t)
	empty := t.TempDir()
	text := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(text, []byte("no certificate"), 0o600))
	for _, options := range []setup{{"ca_cert": "/nonexistent/ca.pem"}, {"ca_cert": text}, {"ca_path": empty}, {"ca_path": "/nonexistent"}} {
		_, err := open(options)
		require.ErrorIs(t, err, secrets.ErrInvalid, options)
		assert.ErrorContains(t, err, "option ca_")
	}
	_, err := open(setup{"ca_path": text})
	assert.ErrorContains(t, err, "say ca_cert=")
	t.Setenv("VAULT_CACERT", "/nonexistent/ca.pem")
	_, err = open(nil)
	assert.ErrorContains(t, err, "VAULT_CACERT")
}
