package secrettls_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve echoes on TLS connections until the test ends.
func serve(t *testing.T, cfg *tls.Config) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// dial makes a handshake and an echo, and returns what the client saw.
func dial(t *testing.T, addr string, cfg *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, cfg)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // what the server says of our certificate comes here
		return tls.ConnectionState{}, err
	}
	return c.ConnectionState(), nil
}

func pool(roots ...*authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, root := range roots {
		p.AddCert(root.cert)
	}
	return p
}

func TestServerConfig(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "root")

	t.Run("serves the current certificate", func(t *testing.T) {
		t.Parallel()
		s, p, err := open(t, kubernetes(t, issue(t, ca, 1, nil)))
		require.NoError(t, err)
		addr := serve(t, s.ServerConfig(nil))
		client := &tls.Config{RootCAs: pool(ca)}
		seen := func() int64 {
			state, err := dial(t, addr, client)
			require.NoError(t, err)
			return state.PeerCertificates[0].SerialNumber.Int64()
		}
		assert.Equal(t, int64(1), seen())
		p.Set("tls", kubernetes(t, issue(t, ca, 2, nil)))
		require.Eventually(t, func() bool { return seen() == 2 }, 5*time.Second, 10*time.Millisecond)
	})

	t.Run("serves HTTP/2 through net/http", func(t *testing.T) {
		t.Parallel()
		for name, base := range map[string]*tls.Config{
			"as it is":                nil,
			"and verifies its client": {ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2", "http/1.1"}},
		} {
			s, _, err := open(t, kubernetes(t, issue(t, ca, 1, nil), ca))
			require.NoError(t, err)
			server := &http.Server{TLSConfig: s.ServerConfig(base), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.Proto)
			})}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			var wg sync.WaitGroup
			wg.Go(func() { _ = server.ServeTLS(l, "", "") })
			t.Cleanup(func() {
				_ = server.Close()
				wg.Wait()
			})
			transport := &http.Transport{TLSClientConfig: s.ClientConfig(&tls.Config{ServerName: "127.0.0.1"}), ForceAttemptHTTP2: true}
			t.Cleanup(transport.CloseIdleConnections)
			resp, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String())
			require.NoError(t, err, name)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, "HTTP/2.0", string(body), name)
		}
	})

	t.Run("verifies clients by the current roots, and shows the chain", func(t *testing.T) {
		t.Parallel()
		next := newAuthority(t, "next")
		s, p, err := open(t, kubernetes(t, issue(t, ca, 1, nil), ca))
		require.NoError(t, err)
		chains := make(chan int, 100)
		addr := serve(t, s.ServerConfig(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, VerifyConnection: func(cs tls.ConnectionState) error {
			chains <- len(cs.VerifiedChains)
			return nil
		}}))
		old, _, err := open(t, kubernetes(t, issue(t, ca, 10, nil)))
		require.NoError(t, err)
		fresh, _, err := open(t, kubernetes(t, issue(t, next, 11, nil)))
		require.NoError(t, err)
		trusting := &tls.Config{RootCAs: pool(ca, next)}
		_, err = dial(t, addr, old.ClientConfig(trusting))
		require.NoError(t, err)
		assert.Equal(t, 1, <-chains)
		_, err = dial(t, addr, fresh.ClientConfig(trusting))
		require.Error(t, err)
		_, err = dial(t, addr, trusting)
		require.Error(t, err, "without a certificate")

		p.Set("tls", kubernetes(t, issue(t, next, 2, nil), next))
		require.Eventually(t, func() bool {
			state, err := dial(t, addr, fresh.ClientConfig(trusting))
			return err == nil && state.PeerCertificates[0].SerialNumber.Int64() == 2
		}, 5*time.Second, 10*time.Millisecond)
		_, err = dial(t, addr, old.ClientConfig(trusting))
		require.Error(t, err, "roots and certificate changed together")
	})

	t.Run("lets nobody in where there are no roots to verify by", func(t *testing.T) {
		t.Parallel()
		s, _, err := open(t, kubernetes(t, issue(t, ca, 1, nil)))
		require.NoError(t, err)
		addr := serve(t, s.ServerConfig(&tls.Config{ClientAuth: tls.VerifyClientCertIfGiven}))
		_, err = dial(t, addr, &tls.Config{RootCAs: pool(ca)})
		require.Error(t, err)
	})
}

func TestClientConfig(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "root"), newAuthority(t, "other")
	server, _, err := open(t, kubernetes(t, issue(t, ca, 1, nil)))
	require.NoError(t, err)
	addr := serve(t, server.ServerConfig(nil))

	t.Run("verifies the server by the current roots", func(t *testing.T) {
		t.Parallel()
		s, p, err := open(t, other.certPEM())
		require.NoError(t, err)
		cfg := s.ClientConfig(&tls.Config{ServerName: "127.0.0.1"})
		_, err = dial(t, addr, cfg)
		var failed *tls.CertificateVerificationError
		require.ErrorAs(t, err, &failed)
		p.Set("tls", other.certPEM()+ca.certPEM())
		require.Eventually(t, func() bool {
			_, err := dial(t, addr, cfg)
			return err == nil
		}, 5*time.Second, 10*time.Millisecond)
	})

	t.Run("verifies the server's name, validity and use", func(t *testing.T) {
		t.Parallel()
		s, _, err := open(t, ca.certPEM())
		require.NoError(t, err)
		_, err = dial(t, addr, s.ClientConfig(&tls.Config{ServerName: "localhost"}))
		require.NoError(t, err)
		_, err = dial(t, addr, s.ClientConfig(&tls.Config{ServerName: "elsewhere"}))
		var name x509.HostnameError
		require.ErrorAs(t, err, &name)
		_, err = dial(t, addr, s.ClientConfig(&tls.Config{ServerName: "localhost", Time: func() time.Time { return time.Now().Add(24 * time.Hour) }}))
		require.ErrorContains(t, err, "expired")
		forClients, _, err := open(t, kubernetes(t, issue(t, ca, 2, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })))
		require.NoError(t, err)
		_, err = dial(t, serve(t, forClients.ServerConfig(nil)), s.ClientConfig(&tls.Config{ServerName: "localhost"}))
		require.ErrorContains(t, err, "usage")
	})

	t.Run("refuses a server whose name it was not told", func(t *testing.T) {
		t.Parallel()
		s, _, err := open(t, ca.certPEM())
		require.NoError(t, err)
		raw, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer raw.Close()
		require.ErrorContains(t, tls.Client(raw, s.ClientConfig(nil)).HandshakeContext(t.Context()), "ServerName")
	})

	t.Run("leaves what its base says", func(t *testing.T) {
		t.Parallel()
		s, _, err := open(t, other.certPEM())
		require.NoError(t, err)
		_, err = dial(t, addr, s.ClientConfig(&tls.Config{RootCAs: pool(ca)}))
		require.NoError(t, err)
		trusting, _, err := open(t, ca.certPEM())
		require.NoError(t, err)
		_, err = dial(t, addr, trusting.ClientConfig(&tls.Config{ServerName: "localhost", VerifyConnection: func(tls.ConnectionState) error { return x509.ErrUnsupportedAlgorithm }}))
		require.ErrorIs(t, err, x509.ErrUnsupportedAlgorithm)
	})
}
