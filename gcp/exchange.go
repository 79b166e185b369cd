package gcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/limit"
)

const (
	maxTokenAnswer = 1 << 20  // bytes of an answer that has a token
	maxRefusal     = 16 << 10 // bytes of an answer that has none
)

// An exchange makes the requests of one login, and remembers what came of the
// last: the client library's errors say it in words that may hold a token.
type exchange struct {
	allowHTTP bool         // also to another machine
	asks      func(string) // is called with the address of each request
	next      http.RoundTripper
	command   *command // answers commandURL; nil: nothing does
	once      bool     // an outage is an error at once: the client library would ask again, and tell no more than that its time was up

	mu   sync.Mutex // guards what follows
	last hop
	sent []string // credentials in the requests, which an answer may repeat
}

// A hop is what came of a request.
type hop struct {
	url     string        // as a message may show it; empty: there was no request
	status  int           // 0: no answer
	answer  []byte        // the beginning of one that is no success
	retry   time.Duration // Retry-After
	err     error         // of a request without an answer
	refused error         // why the request was not sent
}

// newExchange returns the exchange of a login and the client that uses it.
// close ends its connections.
func newExchange(allowHTTP bool, asks func(string)) (x *exchange, client *http.Client, closeIdle func()) {
	// Another kind of transport is the program's own, and stays.
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.Proxy = proxy
		t.DialContext = confirmed(t.DialContext)
		return exchangeOver(t, allowHTTP, asks)
	}
	x = &exchange{allowHTTP: allowHTTP, asks: asks, next: &limit.Transport{Next: http.DefaultTransport, Max: maxTokenAnswer}}
	return x, &http.Client{Transport: x, CheckRedirect: stay}, func() {}
}

func exchangeOver(t *http.Transport, allowHTTP bool, asks func(string)) (x *exchange, client *http.Client, closeIdle func()) {
	t.MaxResponseHeaderBytes = limit.Header
	x = &exchange{allowHTTP: allowHTTP, asks: asks, next: &limit.Transport{Next: t, Max: maxTokenAnswer}}
	return x, &http.Client{Transport: x, CheckRedirect: stay}, t.CloseIdleConnections
}

// loopbackOnly is the context's key for a host that passed as this machine by
// its name.
type loopbackOnly struct{}

// confirmed returns dial with such a host held to its word.
func confirmed(dial endpoint.DialFunc) endpoint.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, ok := ctx.Value(loopbackOnly{}).(string); ok {
			return endpoint.Dialer(dial, host)(ctx, network, address)
		}
		return dial(ctx, network, address)
	}
}

// stay follows no redirect: the next host would get the credentials.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// RoundTrip makes a request and remembers its outcome.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if x.command != nil && req.URL.String() == commandURL {
		return x.command.answer(req)
	}
	o := hop{url: showURL(req.URL), refused: x.check(req.URL)}
	x.asks(o.url)
	x.begin(o, credentialsIn(req))
	if o.refused != nil {
		return nil, o.refused
	}
	if host := req.URL.Hostname(); req.URL.Scheme == "http" && endpoint.Loopback(host) && !x.allowHTTP && !endpoint.Allowed(host) {
		req = req.WithContext(context.WithValue(req.Context(), loopbackOnly{}, host))
	}
	resp, err := x.next.RoundTrip(req)
	if err != nil {
		o.err = err
		x.end(o)
		return nil, err
	}
	o.status = resp.StatusCode
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		o.retry = retryAfter(resp.Header.Get("Retry-After"))
		o.answer, _ = io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(o.answer))
	}
	x.end(o)
	if x.once && o.status >= http.StatusBadRequest && outage(o.status) != nil {
		return nil, errOutage
	}
	return resp, nil
}

// errOutage stands for an answer that the exchange remembers.
var errOutage = errors.New("the answer is no token")

// check refuses an address that is none, or to which credentials would go in
// the clear.
func (x *exchange) check(u *url.URL) error {
	switch {
	case (u.Scheme != "http" && u.Scheme != "https") || !plausibleHost(u.Hostname()):
		return errors.New("an address in the file is " + showURL(u))
	case metadataHost(u.Hostname()):
		return nil
	}
	return endpoint.CheckPlain("the address of a token endpoint", u.String(), x.allowHTTP)
}

// showURL returns an address for a message. The host of one that is none may
// be a credential.
func showURL(u *url.URL) string {
	if !plausibleHost(u.Hostname()) {
		return fmt.Sprintf("something that is no URL (%d bytes)", len(u.String()))
	}
	return oneLine(endpoint.Of(u)) // a server of metadata may have named its end
}

// plausibleHost reports whether a text can be meant as the name or address of
// a host, so that a message may show it.
func plausibleHost(host string) bool {
	if !hostname.MatchString(host) || credential.MatchString(host) {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > 63 { // RFC 1035, 2.3.4
			return false
		}
	}
	return true
}

func (x *exchange) begin(o hop, sent []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = o
	x.sent = append(x.sent, sent...)
}

func (x *exchange) end(o hop) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = o
}

// hop returns what came of the last request, and what was sent in all.
func (x *exchange) hop() (o hop, sent []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last, x.sent
}

// credentialsIn returns the credentials in a request.
func credentialsIn(req *http.Request) (sent []string) {
	for _, header := range []string{"Authorization", "X-Aws-Ec2-Metadata-Token"} {
		_, value, found := strings.Cut(req.Header.Get(header), " ")
		if !found {
			value = req.Header.Get(header)
		}
		sent = append(sent, value)
	}
	if _, password, ok := req.BasicAuth(); ok {
		sent = append(sent, password)
	}
	if req.GetBody == nil {
		return sent
	}
	body, err := req.GetBody()
	if err != nil {
		return sent
	}
	text, _ := io.ReadAll(body)
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return sent
	}
	for _, field := range []string{"assertion", "subject_token", "refresh_token", "client_secret"} {
		sent = append(sent, form.Get(field))
	}
	return sent
}

// metadataHost reports whether a host is one at which clouds have their
// metadata servers. These speak plain http, and nobody but the machine's host
// is in between.
func metadataHost(host string) bool {
	if host = strings.TrimSuffix(host, "."); strings.EqualFold(host, "metadata.google.internal") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip == awsMetadata)
}

var awsMetadata = netip.MustParseAddr("fd00:ec2::254")

// retryAfter reads the header, which is seconds or a date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second // at most 68 years
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// networkCause returns what of err says no more than where and why a
// connection failed.
func networkCause(ctx context.Context, err error) error {
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &op):
		return op
	case errors.Is(err, limit.ErrTooLarge):
		return limit.ErrTooLarge
	case errors.Is(err, errProxy):
		return errProxy
	case ctx.Err() != nil:
		return context.DeadlineExceeded // an attempt is ended by its time, or by Close
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return nil
}
