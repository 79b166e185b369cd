package gcp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/go-secrets/secrets/internal/gcpfake"
)

// certify makes a certificate for hosts that is its own authority, and writes
// it to a file.
func certify(t *testing.T, hosts ...string) (cert tls.Certificate, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		DNSNames:              hosts,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// tunnel is an HTTP proxy that leads every CONNECT to one address, and
// remembers where it should have led.
func tunnel(t *testing.T, to string) (addr string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var hosts []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hosts = append(hosts, r.Host)
		mu.Unlock()
		there, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = there.Close()
			return
		}
		_, _ = here.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		go func() {
			_, _ = io.Copy(there, buffered)
			_ = there.Close()
		}()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), hosts...)
	}
}

// google starts a server that is reached as Google's endpoints are: by name,
// over TLS, with credentials. It returns what a child's environment needs.
func google(t *testing.T, hosts ...string) (s *gcpfake.Server, env []string, asked func() []string) {
	t.Helper()
	cert, ca := certify(t, hosts...)
	s, err := gcpfake.Start(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	proxy, asked := tunnel(t, s.Addr())
	return s, []string{
		"HTTPS_PROXY=http://" + proxy,
		"SSL_CERT_FILE=" + ca,
		"GOOGLE_APPLICATION_CREDENTIALS=" + serviceAccount(t, t.TempDir()),
	}, asked
}

func TestEachLocationIsReadAtItsOwnEndpoint(t *testing.T) {
	t.Parallel()
	const (
		global   = "secretmanager.googleapis.com"
		belgium  = "secretmanager.europe-west1.rep.googleapis.com"
		carolina = "secretmanager.us-east1.rep.googleapis.com"
	)
	s, env, asked := google(t, global, belgium, carolina)
	s.Put("projects/my-project/secrets/db", []byte("global"))
	s.Put("projects/my-project/locations/europe-west1/secrets/db", []byte("belgium"))
	s.Put("projects/my-project/locations/us-east1/secrets/db", []byte("carolina"))

	t.Run("the option location chooses it", func(t *testing.T) {
		before := len(asked())
		outcomes, log := inChild(t, env, "gcp://my-project?location=europe-west1", "gcp://my-project/db", "gcp://my-project/db?version=1")
		for _, o := range outcomes {
			require.Empty(t, o.Error, log)
			assert.Equal(t, "belgium", o.Data)
		}
		assert.Equal(t, []string{belgium + ":443"}, asked()[before:], "one connection for both reads")
	})
	t.Run("full names have a client for each location", func(t *testing.T) {
		before := len(asked())
		outcomes, log := inChild(t, env, "gcp://my-project",
			"gcp://my-project/db",
			"gcp://projects/my-project/locations/europe-west1/secrets/db",
			"gcp://projects/my-project/locations/us-east1/secrets/db",
			"gcp://projects/my-project/locations/europe-west1/secrets/db")
		var data []string
		for _, o := range outcomes {
			require.Empty(t, o.Error, log)
			data = append(data, o.Data)
		}
		assert.Equal(t, []string{"global", "belgium", "carolina", "belgium"}, data)
		assert.Equal(t, []string{global + ":443", belgium + ":443", carolina + ":443"}, asked()[before:])
	})
}

func TestGooglesEndpointsGetCredentialsAndTheQuotaProject(t *testing.T) {
	t.Parallel()
	s, env, _ := google(t, "secretmanager.googleapis.com", "private.example")
	s.Put("projects/my-project/secrets/db", []byte("v"))
	for name, tt := range map[string]struct{ uri, quota string }{
		"the quota project is that of the credentials": {"gcp://my-project", "quota-of-the-file"},
		"or that of the option":                        {"gcp://my-project?quota_project=chosen-1", "chosen-1"},
		"also at an endpoint elsewhere":                {"gcp://my-project?endpoint=private.example", "quota-of-the-file"},
	} {
		t.Run(name, func(t *testing.T) {
			outcomes, log := inChild(t, env, tt.uri, "gcp://my-project/db")
			require.Empty(t, outcomes[0].Error, log)
			headers := s.Headers()
			assert.Equal(t, []string{tt.quota}, headers.Get("x-goog-user-project"))
			if assert.Len(t, headers.Get("authorization"), 1) {
				assert.True(t, strings.HasPrefix(headers.Get("authorization")[0], "Bearer "))
			}
		})
	}
}

func TestAnEmulatorGetsNoCredentials(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	// No credentials are there, so that a search for them would fail.
	outcomes, log := inChild(t, []string{"GCE_METADATA_HOST=127.0.0.1:1"}, "gcp://my-project?endpoint="+s.Addr(), "gcp://my-project/db")
	require.Empty(t, outcomes[0].Error, log)
	assert.Empty(t, s.Headers().Get("authorization"))
}
