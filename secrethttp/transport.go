package secrethttp

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
)

// A Transport sets the current credential on requests. It is safe for
// concurrent use.
type Transport struct {
	resolver *secrets.Resolver // nil: the default one
	name     string
	set      Credential
	base     http.RoundTripper // nil: http.DefaultTransport
	hosts    []string
	wait     time.Duration
	refused  refusals
}

// An Option sets one thing of a [Transport].
type Option func(*Transport)

// WithBase sets what sends the requests; the default is
// [http.DefaultTransport].
func WithBase(base http.RoundTripper) Option {
	return func(t *Transport) { t.base = base }
}

// WithHosts bounds where the credential is sent: to these hosts, each a name
// or an address, with a port (any, if there is none). Requests to others are
// sent without it. The default is every host that is asked for, but none that
// another one redirects to.
func WithHosts(hosts ...string) Option {
	return func(t *Transport) {
		for _, host := range hosts {
			t.hosts = append(t.hosts, strings.ToLower(host))
		}
	}
}

// WithWait sets for how long a request that was refused waits for another
// version of the secret; the default is 10 seconds. 0: only what is there
// already is tried.
func WithWait(d time.Duration) Option {
	return func(t *Transport) { t.wait = max(0, d) }
}

// New returns a Transport that sets what r has under name; r nil: the default
// resolver.
func New(r *secrets.Resolver, name string, set Credential, opts ...Option) *Transport {
	t := &Transport{resolver: r, name: name, set: set, wait: 10 * time.Second}
	for _, o := range opts {
		o(t)
	}
	return t
}

// RoundTrip sends the request with the credential, and once more with another
// one if that was refused. Errors that are not the base transport's are those
// of [secrets.Resolver.Get], or [secrets.ErrInvalid]: the secret cannot be
// set, or would be sent in the clear.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.isFor(req) {
		return t.send(req)
	}
	r, s, err := t.credential(req)
	if err != nil {
		return nil, closeBody(req, err)
	}
	first, err := t.with(req, s, req.Body)
	if err != nil {
		return first, err
	}
	if first.StatusCode != http.StatusUnauthorized {
		t.refused.took(req, s)
		return first, nil
	}
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		t.refused.note(r, t.name, req, s)
		return first, nil
	}
	other, ok := t.another(req, r, s)
	if !ok {
		return first, nil
	}
	body := req.Body
	if req.GetBody != nil {
		if body, err = req.GetBody(); err != nil {
			return first, nil
		}
	}
	second, err := t.with(req, other, body)
	// The connection is used again only if what is left of the answer is read.
	_, _ = io.CopyN(io.Discard, first.Body, 64<<10)
	_ = first.Body.Close()
	return second, err
}

// CloseIdleConnections closes those of the base transport.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.sender().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) sender() http.RoundTripper {
	if t.base != nil {
		return t.base
	}
	return http.DefaultTransport
}

func (t *Transport) send(req *http.Request) (*http.Response, error) { return t.sender().RoundTrip(req) }

func closeBody(req *http.Request, err error) error {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return err
}

func (t *Transport) credential(req *http.Request) (*secrets.Resolver, secrets.Secret, error) {
	if !private(req.URL) {
		return nil, secrets.Secret{}, &secrets.Error{Op: "request", Name: t.name, Err: fmt.Errorf(
			"%w: the credential is not sent over plain %s to %s; use https", secrets.ErrInvalid, req.URL.Scheme, req.URL.Hostname())}
	}
	r := t.resolver
	if r == nil {
		var err error
		if r, err = secrets.Default(); err != nil {
			return nil, secrets.Secret{}, err
		}
	}
	s, err := r.Get(req.Context(), t.name)
	return r, s, err
}

// with sends the request with a credential. A RoundTripper must not change
// what it is given: the headers are a copy.
func (t *Transport) with(req *http.Request, s secrets.Secret, body io.ReadCloser) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Body = body
	if err := t.set(sent.Header, s); err != nil {
		return nil, closeBody(sent, err)
	}
	return t.send(sent)
}

// private reports whether what is sent there stays between the two ends.
func private(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	host := strings.ToLower(u.Hostname())
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// isFor reports whether the request is one to set the credential on.
func (t *Transport) isFor(req *http.Request) bool {
	if t.hosts != nil {
		return slices.Contains(t.hosts, strings.ToLower(req.URL.Hostname())) || slices.Contains(t.hosts, strings.ToLower(hostPort(req.URL)))
	}
	// A redirected request has the answer that redirected it, and that the
	// request before.
	first := req
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	return strings.EqualFold(hostPort(first.URL), hostPort(req.URL))
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// another waits for a version that is not s.
func (t *Transport) another(req *http.Request, r *secrets.Resolver, s secrets.Secret) (secrets.Secret, bool) {
	ctx := req.Context()
	now, err := r.Get(ctx, t.name)
	if err == nil && !now.Equal(s) {
		return now, true // the others have noticed before
	}
	refused, next := t.refused.note(r, t.name, req, s)
	if refused >= t.wait {
		return secrets.Secret{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, t.wait-refused)
	defer cancel()
	for {
		if other, ok := t.changed(ctx, next, r, s); ok || ctx.Err() != nil {
			return other, ok
		}
		_, next = t.refused.note(r, t.name, req, s)
	}
}

// changed waits until the secret is another one than s, at most until a time.
func (t *Transport) changed(ctx context.Context, until time.Time, r *secrets.Resolver, s secrets.Secret) (secrets.Secret, bool) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for now, err := range r.Watch(ctx, t.name) {
		if err == nil && !now.Equal(s) {
			return now, true
		}
	}
	return secrets.Secret{}, false
}
