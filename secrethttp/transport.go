package secrethttp

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/go-secrets/secrets"
)

// A Transport sets the current credential on requests. It is safe for
// concurrent use.
type Transport struct {
	open      func() (*secrets.Resolver, error)
	name      string
	set       Credential
	sender    func() http.RoundTripper // in a func, since its buffers hold what was sent
	hosts     []string                 // nil: every host that is asked for
	plain     []string                 // may be sent to over plain http
	isRefusal func(*http.Response) bool
	wait      time.Duration
	refused   refusals
}

// An Option sets one thing of a [Transport].
type Option func(*Transport)

// WithBase sets what sends the requests; the default is
// [http.DefaultTransport].
func WithBase(base http.RoundTripper) Option {
	return func(t *Transport) {
		if base != nil {
			t.sender = func() http.RoundTripper { return base }
		}
	}
}

// WithHosts bounds where the credential is sent: to these hosts, each a name
// or an address, with a port (any, if there is none). Requests to others, and
// what others redirect to these hosts, are sent without it. The default is
// every host that is asked for, but none that another one redirects to.
func WithHosts(hosts ...string) Option {
	return func(t *Transport) { t.hosts = append(listed(hosts), t.hosts...) }
}

// WithPlainHTTP names hosts to which the credential may go over plain http,
// each as in WithHosts: services that are reached within a network that you
// trust. SECRETS_ALLOW_HTTP names hosts likewise, separated by commas.
func WithPlainHTTP(hosts ...string) Option {
	return func(t *Transport) { t.plain = append(listed(hosts), t.plain...) }
}

// WithRefusal sets which answers say that the credential was refused, so that
// another version is waited for; the default is those of status 401. It must
// leave the body alone. For a service that answers 403 to a credential that
// has expired:
//
//	secrethttp.WithRefusal(func(resp *http.Response) bool {
//		return resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
//	})
func WithRefusal(isRefusal func(*http.Response) bool) Option {
	return func(t *Transport) {
		if isRefusal != nil {
			t.isRefusal = isRefusal
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
	t := &Transport{
		open: secrets.Default, name: name, set: set, wait: 10 * time.Second,
		sender:    func() http.RoundTripper { return http.DefaultTransport },
		isRefusal: func(resp *http.Response) bool { return resp.StatusCode == http.StatusUnauthorized },
	}
	if r != nil {
		t.open = func() (*secrets.Resolver, error) { return r, nil }
	}
	for _, o := range opts {
		o(t)
	}
	return t
}

// RoundTrip sends the request with the credential, and once more with another
// one if that was refused. Errors that are not the base transport's are those
// of [secrets.Resolver.Get], or [secrets.ErrInvalid]: the secret cannot be
// set, or would be sent in the clear. The answer's Request is req, which has
// no credential.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.isFor(req) {
		return t.send(req, req)
	}
	r, s, err := t.credential(req)
	if err != nil {
		return nil, closeBody(req, err)
	}
	sent, err := t.with(req, s, req.Body)
	if err != nil {
		return nil, err
	}
	first, err := t.send(req, sent)
	if err != nil {
		return first, err
	}
	if !t.refuses(first) {
		t.refused.took(req, s)
		return first, nil
	}
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		t.refused.note(r, t.name, req, s)
		return first, nil
	}
	first.Body = readEarly(first.Body)
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
	if sent, err = t.with(req, other, body); err != nil {
		return first, nil // the new version is no header: this answer is what there is
	}
	_ = first.Body.Close() // so that its connection is free before the next request needs one
	return t.send(req, sent)
}

// CloseIdleConnections closes those of the base transport.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.sender().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// send sends what is req, or req with a credential, and has the answer tell of
// req: the next request, if there is a redirect, is then known to come of it,
// and who logs the answer's request logs no credential.
func (t *Transport) send(req, sent *http.Request) (*http.Response, error) {
	resp, err := t.sender().RoundTrip(sent)
	if resp != nil {
		resp.Request = req
	}
	if err != nil && sent != req {
		if wrong := t.wrongly(sent.Context()); wrong != nil {
			err = wrong
		}
	}
	return resp, err
}

// refuses reports whether an answer is a refusal. If that panics, nobody else
// would close the body, and so give its connection back.
func (t *Transport) refuses(resp *http.Response) bool {
	judged := false
	defer func() {
		if !judged {
			_ = resp.Body.Close()
		}
	}()
	refusal := t.isRefusal(resp)
	judged = true
	return refusal
}

func closeBody(req *http.Request, err error) error {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return err
}

func (t *Transport) credential(req *http.Request) (*secrets.Resolver, secrets.Secret, error) {
	if err := t.private(req.URL); err != nil {
		return nil, secrets.Secret{}, err
	}
	r, err := t.open()
	if err != nil {
		return nil, secrets.Secret{}, err
	}
	s, err := r.Get(req.Context(), t.name)
	return r, s, err
}

// with returns the request with a credential. A RoundTripper must not change
// what it is given: the headers are a copy.
func (t *Transport) with(req *http.Request, s secrets.Secret, body io.ReadCloser) (*http.Request, error) {
	ctx := req.Context()
	if req.URL.Scheme != "https" && !t.mayBePlain(req.URL) {
		ctx = onLoopback(ctx, req.URL.Hostname())
	}
	sent := req.Clone(ctx)
	sent.Body = body
	set := false
	defer func() {
		if !set { // refused, or the Credential panics
			_ = closeBody(sent, nil)
		}
	}()
	if err := t.set(sent.Header, s); err != nil {
		return nil, err
	}
	set = true
	return sent, nil
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
