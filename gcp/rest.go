package gcp

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"google.golang.org/api/option"

	"github.com/go-secrets/secrets/internal/limit"
)

// maxAnswer bounds an answer, in bytes: a page of a list with the largest
// secrets that there can be has less than 8 MiB, a payload at most 64 KiB.
const maxAnswer = 8 << 20

// restURL returns the endpoint of a location for HTTP and JSON.
func (c *clients) restURL(location string) string {
	host := c.target.host(location)
	if c.target.plain {
		return "http://" + host
	}
	if h, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		host = h
	}
	return "https://" + host
}

// newREST makes a client for HTTP and JSON.
func (c *clients) newREST(ctx context.Context, location string, over *http.Client) (*secretmanager.Client, error) {
	client, err := secretmanager.NewRESTClient(ctx, option.WithLogger(slog.New(slog.DiscardHandler)),
		option.WithEndpoint(c.restURL(location)), option.WithHTTPClient(over))
	if err != nil {
		return nil, err
	}
	once(client)
	return client, nil
}

// restClient returns the client for HTTP and JSON, with credentials but for an
// emulator.
func (c *clients) restClient() *http.Client {
	c.restOnce.Do(func() { c.restTransport = c.newRESTTransport() })
	return &http.Client{Transport: c.restTransport, CheckRedirect: stay}
}

// restClientWithin returns such a client whose requests end with ctx: those of
// the library's listings have no context of their own.
func (c *clients) restClientWithin(ctx context.Context) *http.Client {
	client := c.restClient()
	next := client.Transport
	client.Transport = roundTrip(func(req *http.Request) (*http.Response, error) { return next.RoundTrip(req.WithContext(ctx)) })
	return client
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls the func.
func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (c *clients) newRESTTransport() http.RoundTripper {
	t := http.DefaultTransport
	if own, ok := t.(*http.Transport); ok {
		own = own.Clone()
		own.Proxy = proxy
		own.MaxResponseHeaderBytes = limit.Header
		if c.target.plain {
			own.Proxy = nil
			own.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return c.dial(ctx, addr) }
		}
		t = own
	}
	t = &limit.Transport{Next: t, Max: maxAnswer}
	if c.target.plain {
		return &gateway{next: t}
	}
	return &authorized{next: t, clients: c}
}

// authorized adds the credentials to a request.
type authorized struct {
	next    http.RoundTripper
	clients *clients
}

// RoundTrip sends a copy of the request with the token of the day.
func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := a.clients.login.Token(req.Context())
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token.Value)
	quota := a.clients.quotaProject
	if quota == "" {
		quota, _ = a.clients.login.quotaProject(req.Context())
	}
	if quota != "" {
		req.Header.Set("X-Goog-User-Project", quota)
	}
	return a.next.RoundTrip(req)
}
