package gcp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/figures"
	"github.com/go-secrets/secrets/internal/limit"
)

// proxyThat starts a server that reads the CONNECT of each connection and hands
// it to answer.
func proxyThat(t *testing.T, answer func(conn net.Conn, req *http.Request)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					answer(conn, req)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// forever writes until the other end has had enough.
func forever(conn net.Conn, text string) {
	chunk := bytes.Repeat([]byte(text), 1<<20/len(text))
	for {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
	}
}

func say(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

func TestAProxysAnswerIsReadNoFurtherThanItsHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(net.Conn, *http.Request)
		text   string
	}{
		"an endless line":   {func(conn net.Conn, _ *http.Request) { say(conn, "HTTP/1.1 200 "); forever(conn, "x") }, "the proxy in HTTPS_PROXY does not answer as a proxy does"},
		"an endless header": {func(conn net.Conn, _ *http.Request) { say(conn, "HTTP/1.1 200 OK\r\n"); forever(conn, "A: b\r\n") }, "the proxy in HTTPS_PROXY does not answer as a proxy does"},
		"an endless value":  {func(conn net.Conn, _ *http.Request) { say(conn, "HTTP/1.1 403 No\r\nA: "); forever(conn, "x") }, "the proxy in HTTPS_PROXY does not answer as a proxy does"},
		"a refusal without end": {func(conn net.Conn, _ *http.Request) {
			say(conn, "HTTP/1.1 403 "+canary+"\r\n\r\n")
			forever(conn, canary)
		}, "the proxy in HTTPS_PROXY refuses the connection (403 Forbidden)"},
		"1 GB of a refusal": {func(conn net.Conn, _ *http.Request) {
			say(conn, "HTTP/1.1 407 No\r\nContent-Length: 1073741824\r\n\r\n")
			_ = pour(conn, gigabyte)
		}, "the proxy in HTTPS_PROXY refuses the connection (407 Proxy Authentication Required)"},
		"what is no HTTP at all": {func(conn net.Conn, _ *http.Request) { forever(conn, canary+"\n") }, "the proxy in HTTPS_PROXY does not answer as a proxy does"},
		"nothing":                {func(conn net.Conn, _ *http.Request) { _, _ = io.Copy(io.Discard, conn) }, "in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{"HTTPS_PROXY=http://" + proxyThat(t, c.answer), "GOOGLE_APPLICATION_CREDENTIALS=" + serviceAccount(t, t.TempDir()), "GCP_TEST_CHILD_TIME=2s"}
			outcomes, log := inChild(t, env, "gcp://my-project", "gcp://my-project/db")
			o := outcomes[0]
			assert.True(t, o.Unavailable, log)
			assert.Contains(t, o.Error, c.text)
			assert.NotContains(t, o.Deep+log, canary)
			assert.Less(t, o.Grown, uint64(heapRoom))
			assert.Less(t, o.Took, 10*time.Second)
			figures.Tell(t, "%s: %.1f MiB over idle, %v", name, float64(o.Grown)/(1<<20), o.Took.Round(time.Millisecond))
		})
	}
}

func TestAProxyGetsItsCredentialsAndNothingOfTheTunnelIsLost(t *testing.T) {
	t.Parallel()
	addr := proxyThat(t, func(conn net.Conn, req *http.Request) {
		user, password, _ := (&http.Request{Header: http.Header{"Authorization": req.Header["Proxy-Authorization"]}}).BasicAuth()
		say(conn, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"+strings.Join([]string{req.Method, req.Host, req.RequestURI, user, password}, " ")+"\n")
		_, _ = io.Copy(conn, conn)
	})
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	tunnel, err := connectVia(t.Context(), conn, "secretmanager.googleapis.com:443", url.UserPassword("me", "p@ss"))
	require.NoError(t, err)
	defer tunnel.Close()
	long := bytes.Repeat([]byte("x"), 2*limit.Header)
	go func() { _, _ = tunnel.Write(append(long, '\n')) }()
	reader := bufio.NewReader(tunnel)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "CONNECT secretmanager.googleapis.com:443 secretmanager.googleapis.com:443 me p@ss\n", line)
	line, err = reader.ReadString('\n')
	require.NoError(t, err, "the bound is that of the header")
	assert.Len(t, line, len(long)+1)
}

func TestWaitingForAProxyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer there.Close()
	go func() { _, _ = io.Copy(io.Discard, there) }()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := connectVia(ctx, here, "x:443", nil)
	assert.Error(t, err)
}

func TestAProxyIsReachedAtThePortOfItsScheme(t *testing.T) {
	t.Parallel()
	for proxy, want := range map[string]string{"http://proxy": "proxy:80", "http://proxy:3128": "proxy:3128", "http://[::1]": "[::1]:80"} {
		u, err := url.Parse(proxy)
		require.NoError(t, err)
		assert.Equal(t, want, withPort(u, "80"))
	}
}

func TestAProxyIsSpokenToAsItsSchemeSays(t *testing.T) {
	t.Parallel()
	s, env, asked := google(t, "secretmanager.googleapis.com", "localhost")
	s.Put("projects/my-project/secrets/db", []byte("v"))
	plain := strings.TrimPrefix(env[0], "HTTPS_PROXY=http://")
	cert, ca := certify(t, "localhost")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	lead(t, l, func(net.Conn) string { return plain })
	both, err := os.ReadFile(strings.TrimPrefix(env[1], "SSL_CERT_FILE="))
	require.NoError(t, err)
	more, err := os.ReadFile(ca)
	require.NoError(t, err)
	env[1] = "SSL_CERT_FILE=" + write(t, t.TempDir(), "both.pem", string(both)+string(more))
	socks, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	named := make(chan string, 10)
	lead(t, socks, func(conn net.Conn) string {
		named <- serveSOCKS(conn)
		return s.Addr()
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for scheme, proxy := range map[string]string{"https": "https://localhost:" + port, "socks5": "socks5://" + socks.Addr().String()} {
		t.Run(scheme, func(t *testing.T) {
			before := len(asked())
			outcomes, log := inChild(t, append([]string{"HTTPS_PROXY=" + proxy}, env[1:]...), "gcp://my-project", "gcp://my-project/db")
			require.Empty(t, outcomes[0].Error, log)
			assert.Equal(t, "v", outcomes[0].Data)
			if scheme == "https" {
				assert.Equal(t, []string{"secretmanager.googleapis.com:443"}, asked()[before:], "with its port")
			} else {
				assert.Equal(t, "secretmanager.googleapis.com", <-named, "which the proxy looks up")
			}
		})
	}
	outcomes, _ := inChild(t, append([]string{"HTTPS_PROXY=ftp://user:" + canary + "@proxy:1"}, env[1:]...), "gcp://my-project", "gcp://my-project/db")
	assert.Contains(t, outcomes[0].Error, "holds no URL of a proxy")
	assert.NotContains(t, outcomes[0].Deep, canary)
}

// lead leads each connection to where to says, which may have read of it.
func lead(t *testing.T, l net.Listener, to func(net.Conn) string) {
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer here.Close()
				there, err := net.Dial("tcp", to(here))
				if err != nil {
					return
				}
				defer there.Close()
				go func() { _, _ = io.Copy(there, here) }()
				_, _ = io.Copy(here, there)
			}()
		}
	}()
}

// serveSOCKS answers the two messages of a client (RFC 1928), and returns the
// name that it wants to be led to.
func serveSOCKS(conn net.Conn) string {
	head := make([]byte, 2)
	_, _ = io.ReadFull(conn, head)
	_, _ = io.CopyN(io.Discard, conn, int64(head[1]))
	_, _ = conn.Write([]byte{5, 0})
	request := make([]byte, 5)
	_, _ = io.ReadFull(conn, request)
	name := make([]byte, int(request[4])+2)
	_, _ = io.ReadFull(conn, name)
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return string(name[:len(name)-2])
}
