package gcp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/attempt"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
)

const globalHost = "secretmanager.googleapis.com"

// clients are the clients of a provider: the user's own, or one for each
// location, made when it is first needed. Regional secrets are served by
// their location's endpoint only.
type clients struct {
	users        *connection // over the user's client, not ours to close; nil: we make them
	target       target
	quotaProject string
	login        *login

	restOnce      sync.Once
	restTransport http.RoundTripper // of all clients that talk REST

	mu     sync.Mutex
	open   map[string]*connection // by location
	calls  map[*connection]int    // under way
	out    map[*connection]bool   // out of use; closed when their last call ends
	closed bool
}

// call makes a request, which must be idempotent, over the connection for a
// location, with credentials at hand. One that gets no answer in a third of
// the time is made once more, over another connection; and one whose
// credentials are refused, if they were not fresh, with new ones.
func call[T any](ctx context.Context, c *clients, location string, request func(context.Context, *connection) (T, error)) (T, error) {
	if c.users != nil {
		return attempt.Twice(ctx, func(ctx context.Context) (T, error) { return request(ctx, c.users) })
	}
	before := c.login.session()
	v, used, err := callOnce(ctx, c, location, request)
	if used != nil && used == before && status.Code(err) == codes.Unauthenticated {
		c.login.forget(used)
		v, used, err = callOnce(ctx, c, location, request)
	}
	if used != nil && status.Code(err) == codes.Unauthenticated {
		c.login.forget(used)
	}
	return v, err
}

// callOnce returns with the answer the session whose token was used.
func callOnce[T any](ctx context.Context, c *clients, location string, request func(context.Context, *connection) (T, error)) (v T, used *session, err error) {
	if !c.target.plain {
		// Within the call a failure would come as a status whose text hides
		// what was tried, and a metadata server that hangs as its timeout.
		if _, err := c.login.Token(ctx); err != nil {
			return v, nil, err
		}
		used = c.login.session()
	}
	v, err = attempt.Twice(ctx, func(ctx context.Context) (T, error) {
		conn, err := c.take(ctx, location)
		if err != nil {
			var zero T
			return zero, err
		}
		defer c.give(conn)
		began, ready := time.Now(), conn.ready()
		v, err := request(ctx, conn)
		silent := status.Code(err) == codes.DeadlineExceeded
		switch {
		case ready && silent && time.Since(began) >= silence:
			c.discard(location, conn)
		case !conn.ready() && silent && time.Since(conn.made) >= connecting:
			c.discard(location, conn)
		}
		return v, err
	})
	return v, used, err
}

// take returns the connection for a location, for one call. give takes it back.
func (c *clients) take(ctx context.Context, location string) (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[location] == nil && !c.closed {
		c.mu.Unlock()
		client, err := c.newClient(ctx, location)
		c.mu.Lock()
		if err != nil {
			return nil, fault.New(secrets.ErrUnavailable, "the client for "+c.target.host(location)+" cannot be made: "+whyNoClient(err), nil)
		}
		c.keep(location, client)
	}
	conn := c.open[location]
	if conn == nil {
		return nil, errClosed()
	}
	c.calls[conn]++
	return conn, nil
}

// keep puts a client into use, unless another goroutine was faster. It needs
// the lock.
func (c *clients) keep(location string, client *secretmanager.Client) {
	if c.closed || c.open[location] != nil {
		_ = client.Close() // it has not connected yet
		return
	}
	if c.open == nil {
		c.open, c.calls, c.out = make(map[string]*connection), make(map[*connection]int), make(map[*connection]bool)
	}
	var scoped func(context.Context) (*secretmanager.Client, error)
	if c.target.rest {
		scoped = func(ctx context.Context) (*secretmanager.Client, error) {
			return c.newREST(ctx, location, c.restClientWithin(ctx))
		}
	}
	c.open[location] = connect(client, scoped)
}

// whyNoClient says what the library says, if that can hold no credential: its
// errors quote proxies and files.
func whyNoClient(err error) string {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "no time is left"
	}
	return "check HTTPS_PROXY, GOOGLE_API_CERTIFICATE_CONFIG, GOOGLE_API_USE_CLIENT_CERTIFICATE and GOOGLE_CLOUD_UNIVERSE_DOMAIN"
}

func (c *clients) give(conn *connection) {
	c.mu.Lock()
	c.calls[conn]--
	last := c.calls[conn] == 0
	if last {
		delete(c.calls, conn)
	}
	done := last && c.out[conn]
	if done {
		delete(c.out, conn)
	}
	c.mu.Unlock()
	if done {
		_ = conn.close()
	}
}

func (c *clients) newClient(ctx context.Context, location string) (*secretmanager.Client, error) {
	opts := []option.ClientOption{
		// GOOGLE_SDK_GO_LOGGING_LEVEL=debug would log payloads and tokens.
		option.WithLogger(slog.New(slog.DiscardHandler)),
	}
	var client *secretmanager.Client
	var err error
	switch {
	case c.target.rest:
		client, err = c.newREST(ctx, location, c.restClient())
	case c.target.plain:
		var conn *grpc.ClientConn
		conn, err = grpc.NewClient(c.target.address, append(dialOptions(), grpc.WithContextDialer(c.dial), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			return nil, err
		}
		client, err = secretmanager.NewClient(ctx, append(opts, option.WithGRPCConn(conn), option.WithoutAuthentication())...)
	default:
		host := c.target.host(location)
		if _, _, err := net.SplitHostPort(host); err != nil {
			host += ":443"
		}
		opts = append(opts, option.WithGRPCDialOption(grpc.WithContextDialer(dialGRPC)), option.WithEndpoint(host), option.WithAuthCredentials(auth.NewCredentials(&auth.CredentialsOptions{
			TokenProvider:          c.login,
			QuotaProjectIDProvider: auth.CredentialsPropertyFunc(c.login.quotaProject),
			UniverseDomainProvider: auth.CredentialsPropertyFunc(c.login.universeDomain),
		})))
		if c.quotaProject != "" {
			opts = append(opts, option.WithQuotaProject(c.quotaProject))
		}
		for _, o := range dialOptions() {
			opts = append(opts, option.WithGRPCDialOption(o))
		}
		client, err = secretmanager.NewClient(ctx, opts...)
	}
	if err != nil {
		return nil, err
	}
	once(client)
	return client, nil
}

// once turns the client's own retries off: they hide why they were needed, and
// the resolver tries again and spaces its reads. A client for REST looks at
// what its CallOptions led to when it was made.
func once(client *secretmanager.Client) { *client.CallOptions = secretmanager.CallOptions{} }

// dial connects without TLS, directly.
func (c *clients) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := c.target.checkDialed(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// dialOptions keep gRPC from holding on to an outage longer than it lasts, and
// bound what it reads.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		// By default gRPC waits up to two minutes between attempts to connect,
		// and fails every call in between without trying.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 20 * time.Second, // gRPC's own; a call waits for its time only
		}),
		// Sets TCP_USER_TIMEOUT, so that a connection whose peer vanished is
		// replaced after seconds. Pings are as rare as servers tolerate.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Minute, Timeout: 5 * time.Second}),
		grpc.WithMaxHeaderListSize(limit.Header),
	}
}

// silence is how long a call is without an answer before its connection is
// taken to be dead.
const silence = time.Second

// connecting is how long a connection is being made before a call that has
// waited for it gives it up: the other end may have vanished, and gRPC
// itself would wait for twenty seconds. On a slow network calls with less time
// than this leave it to the next one, which may find it ready.
const connecting = 5 * time.Second

// discard takes a connection of ours out of use, on which a call got no answer
// in time: its peer may have vanished behind something that still acknowledges
// what it is sent (a proxy, a sidecar), and gRPC would notice at the next
// keepalive only, minutes later. Calls that are under way on it go on.
func (c *clients) discard(location string, conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.open[location] != conn {
		return
	}
	delete(c.open, location)
	c.out[conn] = true // the caller's call is under way, and closes it at its end at the earliest
}

// close closes what was opened. A client of the user's stays.
func (c *clients) close() error {
	c.mu.Lock()
	open, out := c.open, c.out
	c.open, c.out, c.closed = nil, nil, true
	c.mu.Unlock()
	c.login.close()
	for conn := range out {
		_ = conn.close()
	}
	var first error
	for _, conn := range open {
		if err := conn.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func errClosed() error {
	return fault.New(secrets.ErrClosed, "the gcp provider was closed", nil)
}

func (c *clients) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
