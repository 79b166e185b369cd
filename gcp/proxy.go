package gcp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	socks "golang.org/x/net/proxy"

	"github.com/go-secrets/secrets/internal/limit"
)

// proxy is [http.ProxyFromEnvironment], whose error has the variable's content.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errProxy
	}
	return u, nil
}

var errProxy = errors.New("HTTPS_PROXY or HTTP_PROXY holds no URL of a proxy")

// dialGRPC connects to an address as gRPC does, through the proxy of the
// environment if there is one. gRPC itself reads all that a proxy answers, and
// waits for it as long as it takes.
func dialGRPC(ctx context.Context, address string) (net.Conn, error) {
	through, err := proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: address}})
	if err != nil {
		return nil, err
	}
	if through == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	conn, err := dialProxy(ctx, through, address)
	if err != nil {
		return nil, fmt.Errorf("the proxy in HTTPS_PROXY: %w", err)
	}
	if through.Scheme != "http" && through.Scheme != "https" {
		return conn, nil
	}
	tunnel, err := connectVia(ctx, conn, address, through.User)
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil { // then the text is that of a deadline of ours
			err = fmt.Errorf("the proxy in HTTPS_PROXY has not answered: %w", ctx.Err())
		}
		return nil, err
	}
	return tunnel, nil
}

// dialProxy connects to a proxy as net/http does by its scheme; by SOCKS it leads
// on to address at once.
func dialProxy(ctx context.Context, through *url.URL, address string) (net.Conn, error) {
	switch through.Scheme {
	case "http":
		return new(net.Dialer).DialContext(ctx, "tcp", withPort(through, "80"))
	case "https":
		return new(tls.Dialer).DialContext(ctx, "tcp", withPort(through, "443"))
	}
	dialer, err := socks.FromURL(through, socks.Direct)
	if err != nil { // whose text has the URL
		return nil, errProxy
	}
	c, ok := dialer.(socks.ContextDialer)
	if !ok { // of a scheme that the program has registered; it could not be stopped
		return nil, errProxy
	}
	return c.DialContext(ctx, "tcp", address)
}

func withPort(u *url.URL, port string) string {
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), port)
	}
	return u.Host
}

// connectVia asks the proxy at the other end of conn to lead on to address
// (RFC 9110, 9.3.6).
func connectVia(ctx context.Context, conn net.Conn, address string, user *url.Userinfo) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: make(http.Header)}
	if user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	answer := bufio.NewReader(io.LimitReader(conn, limit.Header))
	resp, err := http.ReadResponse(answer, req)
	if err != nil {
		return nil, errors.New("the proxy in HTTPS_PROXY does not answer as a proxy does: is it one?")
	}
	if resp.StatusCode != http.StatusOK { // what else it says may be anything, and of any length
		return nil, fmt.Errorf("the proxy in HTTPS_PROXY refuses the connection (%d %s)", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if rest, _ := answer.Peek(answer.Buffered()); len(rest) > 0 {
		return &begun{Conn: conn, r: io.MultiReader(bytes.NewReader(rest), conn)}, nil
	}
	return conn, nil
}

// begun is a connection of which something has been read.
type begun struct {
	net.Conn
	r io.Reader
}

// Read reads what has been read already first.
func (b *begun) Read(p []byte) (int, error) { return b.r.Read(p) }
