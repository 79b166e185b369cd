package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets/internal/attempt"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/limit"
)

// The most bytes that are read of an answer. Vault's own storage takes 1 MiB of
// a secret by default, so that 16 MiB leave room for long lists. An error, or
// the answer to a login, has some kilobytes.
const (
	maxBody  = 16 << 20
	maxError = 1 << 20
)

// A caller sends requests. It wraps a client of its own that nobody changes:
// the token is given with each call, so that a call knows which token it used.
type caller struct {
	api     *api.Client // its lock is never taken: as copies the client, lock included
	http    *http.Client
	host    string        // what messages call the server
	timeout time.Duration // of one request, if somebody asked for one; 0: the context's alone
}

// An answer is Vault's, whatever its status.
type answer struct {
	method string
	path   string
	status int
	header http.Header
	body   []byte
	failed *api.ResponseError // nil if status is below 400; holds no body
	bare   bool               // no token was sent
	host   string             // who answered
	engine bool               // it is of an engine other than KV, whose words are told
	hide   func(string) string
}

// newCaller derives a caller from a client, which is left as it is: its
// address, transport, headers, namespace and retries are taken over. Three
// things differ. The derived client follows a redirect only to the very host
// that it was sent to, since the token goes with it. It has no timeout of its
// own, because vault/api leaves that timer behind after each raw call: the
// attempt is bounded by a context instead. And it reads at most so many bytes
// of an answer. over, if not nil, wraps the transport.
func newCaller(client *api.Client, retries *int, most int64, over func(http.RoundTripper) http.RoundTripper) (*caller, error) {
	timeout := client.ClientTimeout()
	cfg := client.CloneConfig()
	if cfg.Error != nil {
		return nil, environmentError(cfg.Error)
	}
	cfg.DisableRedirects = true
	cfg.Timeout = 0
	if retries != nil {
		cfg.MaxRetries = *retries
	}
	cfg.HttpClient.CheckRedirect = sameHostOnce
	c, err := api.NewClient(cfg)
	if err != nil {
		return nil, environmentError(err)
	}
	if c.Address() != client.Address() { // SetAddress was called where an agent's address was configured
		if err := c.SetAddress(client.Address()); err != nil {
			return nil, environmentError(err)
		}
	}
	c.SetHeaders(client.Headers())
	c.ClearToken()
	// Last, for until here vault/api may ask for a transport of its own kind.
	next := cfg.HttpClient.Transport
	if over != nil {
		next = over(next)
	}
	cfg.HttpClient.Transport = &limit.Transport{Next: next, Max: most, MaxError: maxError}
	return &caller{api: c, http: cfg.HttpClient, host: endpoint.Show(c.Address()), timeout: timeout}, nil
}

// sameHostOnce lets one redirect through, to the same scheme and host and with
// the same method.
func sameHostOnce(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) == 1 && req.URL.Scheme == first.URL.Scheme && req.URL.Host == first.URL.Host && req.Method == first.Method {
		return nil
	}
	return http.ErrUseLastResponse
}

// as returns a client that sends the given token, and never asks for a wrapped
// answer, whatever VAULT_WRAP_TTL says.
func (c *caller) as(token string) *api.Client {
	return c.api.WithRequestCallbacks(func(r *api.Request) {
		r.ClientToken = token
		r.WrapTTL = ""
	})
}

// get reads a path, and asks once more if nothing is answered in a third of the
// time. The error is nil if there is an answer, whatever it says.
func (c *caller) get(ctx context.Context, token, path string, params map[string][]string) (*answer, error) {
	return attempt.Twice(ctx, func(ctx context.Context) (*answer, error) { return c.getOnce(ctx, token, path, params) })
}

// getOnce reads a path that may answer with something new, as credentials.
func (c *caller) getOnce(ctx context.Context, token, path string, params map[string][]string) (*answer, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	resp, err := c.as(token).Logical().ReadRawWithDataWithContext(ctx, path, params)
	return c.receive(ctx, token, http.MethodGet, path, resp, err)
}

// put writes to a path: a request that Vault answers with something new.
func (c *caller) put(ctx context.Context, token, path string, body any) (*answer, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	resp, err := c.as(token).Logical().WriteRawWithContext(ctx, path, data)
	return c.receive(ctx, token, http.MethodPut, path, resp, err)
}

func (c *caller) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout > 0 {
		return context.WithTimeout(ctx, c.timeout)
	}
	return context.WithCancel(ctx)
}

// receive reads the answer to its end.
func (c *caller) receive(ctx context.Context, token, method, path string, resp *api.Response, err error) (*answer, error) {
	if resp == nil || resp.Response == nil {
		return nil, c.noAnswer(ctx, err)
	}
	defer resp.Body.Close()
	a := &answer{method: method, path: path, status: resp.StatusCode, header: resp.Header, bare: token == "", host: c.host, hide: hider(token)}
	if err != nil && !errors.As(err, &a.failed) {
		return nil, c.noAnswer(ctx, err)
	}
	if a.body, err = readAll(resp.Body); err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	if a.failed != nil {
		a.failed = withoutBody(a.failed)
	}
	return a, nil
}

// hider returns a func that takes a token out of a text.
func hider(token string) func(string) string {
	return func(text string) string {
		if token == "" {
			return text
		}
		return strings.ReplaceAll(text, token, "…")
	}
}

// readAll is io.ReadAll in pieces, which never holds more than twice what there
// is, whatever the server says of the length.
func readAll(r io.Reader) ([]byte, error) {
	const smallest, largest = 4 << 10, 1 << 20
	var pieces [][]byte
	for size := smallest; ; size = min(2*size, largest) {
		piece := make([]byte, 0, size)
		for len(piece) < cap(piece) {
			n, err := r.Read(piece[len(piece):cap(piece)])
			piece = piece[:len(piece)+n]
			if err == nil {
				continue
			}
			if !errors.Is(err, io.EOF) {
				return nil, err
			}
			if len(pieces) == 0 {
				return piece, nil
			}
			return bytes.Join(append(pieces, piece), nil), nil
		}
		pieces = append(pieces, piece)
	}
}

// noAnswer makes an error of a failed attempt. Connections that may be as dead
// as the one that just timed out are dropped, so that the next try dials.
func (c *caller) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		c.http.CloseIdleConnections()
	}
	return networkError(ctx, c.host, err)
}

// transient reports whether the same request may well succeed later.
func (a *answer) transient() bool {
	return a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusPreconditionFailed
}

// retryAfter reads the header of a throttled or unavailable answer.
func (a *answer) retryAfter() time.Duration { return a.seconds("Retry-After") }

// age is how long an agent has held the answer in its cache.
func (a *answer) age() time.Duration { return a.seconds("Age") }

func (a *answer) seconds(header string) time.Duration {
	seconds, err := strconv.Atoi(a.header.Get(header))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
