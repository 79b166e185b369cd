package secrethttp

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
)

// isFor reports whether the request is one to set the credential on: nobody but
// those who may have the credential chose where it goes.
func (t *Transport) isFor(req *http.Request) bool {
	if t.hosts != nil && !lists(t.hosts, req) {
		return false
	}
	// A redirected request has the answer that redirected it, and so on to the
	// first one, which the program made.
	for next := req; next.Response != nil; {
		before := next.Response.Request
		if before == nil || before.URL.Scheme != req.URL.Scheme {
			return false
		}
		if t.hosts != nil && !lists(t.hosts, before) || t.hosts == nil && !sameHost(before, req) {
			return false
		}
		next = before
	}
	return true
}

// sameHost reports whether two requests go to the same server, and ask it for
// the same host.
func sameHost(a, b *http.Request) bool {
	return strings.EqualFold(hostPort(a.URL), hostPort(b.URL)) && strings.EqualFold(asked(a), asked(b))
}

// asked is the host that the request's header names, with its port.
func asked(req *http.Request) string {
	if req.Host == "" {
		return hostPort(req.URL)
	}
	return hostPort(&url.URL{Scheme: req.URL.Scheme, Host: req.Host})
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// lists reports whether hosts have both the server that a request goes to and
// the host that it asks for there, which need not be the same.
func lists(hosts []string, req *http.Request) bool {
	return has(hosts, hostPort(req.URL)) && has(hosts, asked(req))
}

// has reports whether a list has a host with a port, or the host alone.
func has(hosts []string, hostPort string) bool {
	hostPort = strings.ToLower(hostPort)
	host, _, err := net.SplitHostPort(hostPort)
	return slices.Contains(hosts, hostPort) || err == nil && slices.Contains(hosts, host)
}

// listed returns hosts as they are compared: in lower case, and an IPv6 address
// that has no port without brackets. It is never nil.
func listed(hosts []string) []string {
	all := make([]string, 0, len(hosts))
	for _, host := range hosts {
		host = strings.ToLower(strings.TrimSpace(host))
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		all = append(all, host)
	}
	return all
}

// private returns an error if what is sent to u would cross a network in the
// clear.
func (t *Transport) private(u *url.URL) error {
	if u.Scheme == "https" || endpoint.Loopback(u.Hostname()) || t.mayBePlain(u) {
		return nil
	}
	return &secrets.Error{Op: "request", Name: t.name, Err: fmt.Errorf(
		"%w: the credential is not sent over plain %s to %s; use https, or allow this host by secrethttp.WithPlainHTTP or %s=%s",
		secrets.ErrInvalid, u.Scheme, u.Hostname(), endpoint.AllowVariable, u.Hostname())}
}

func (t *Transport) mayBePlain(u *url.URL) bool {
	return has(t.plain, hostPort(u)) || endpoint.Allowed(u.Hostname())
}

// A dialling looks at where a connection for plain http to this machine leads:
// only the address that was dialled says that of a name like vault.localhost.
type dialling struct {
	host  string
	wrong atomic.Pointer[error]
}

type diallingKey struct{}

// onLoopback has a connection that leads to another machine be closed before
// anything is sent on it.
func onLoopback(ctx context.Context, host string) context.Context {
	d := &dialling{host: host}
	ctx = context.WithValue(ctx, diallingKey{}, d)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if err := endpoint.CheckDialed(host, info.Conn.RemoteAddr()); err != nil {
			d.wrong.Store(&err)
			_ = info.Conn.Close()
		}
	}})
}

// wrongly returns why a request failed, if it is that it would have gone to
// another machine in the clear.
func (t *Transport) wrongly(ctx context.Context) error {
	d, _ := ctx.Value(diallingKey{}).(*dialling)
	if d == nil || d.wrong.Load() == nil {
		return nil
	}
	return &secrets.Error{Op: "request", Name: t.name, Err: fmt.Errorf("%w: %w; use https, or allow this host by secrethttp.WithPlainHTTP or %s=%s",
		secrets.ErrInvalid, *d.wrong.Load(), endpoint.AllowVariable, d.host)}
}
