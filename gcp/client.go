package gcp

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

const globalHost = "secretmanager.googleapis.com"

// clients are the clients of a provider: the user's own, or one for each
// location, made when it is first needed. Regional secrets are served by
// their location's endpoint only.
type clients struct {
	users        *connection // over the user's client, not ours to close; nil: we make them
	endpoint     string      // host:port in place of Google's; may be empty
	quotaProject string
	login        login

	mu      sync.Mutex
	open    map[string]*connection      // by location
	retired map[*connection]*time.Timer // out of use, and when they are closed
	closed  bool
}

// get returns the client for a location, with credentials at hand.
func (c *clients) get(ctx context.Context, location string) (*connection, error) {
	if c.users != nil {
		return c.users, nil
	}
	c.mu.Lock()
	conn, closed := c.open[location], c.closed
	c.mu.Unlock()
	if closed {
		return nil, errClosed()
	}
	if !c.plaintext() {
		// Within the call a failure would come as a status whose text hides
		// what was tried, and a metadata server that hangs as its timeout.
		if _, err := c.login.Token(ctx); err != nil {
			return nil, err
		}
	}
	if conn != nil {
		return conn, nil
	}
	return c.dial(ctx, location)
}

// dial makes the client for a location, unless another goroutine was faster.
func (c *clients) dial(ctx context.Context, location string) (*connection, error) {
	client, err := c.newClient(ctx, location)
	if err != nil {
		return nil, fault.New(secrets.ErrUnavailable, "the client for "+c.host(location)+" cannot be made", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.open[location]; first != nil || c.closed {
		_ = client.Close()
		if c.closed {
			return nil, errClosed()
		}
		return first, nil
	}
	if c.open == nil {
		c.open = make(map[string]*connection)
	}
	conn := connect(client)
	c.open[location] = conn
	return conn, nil
}

// host returns the endpoint of a location, without the default port.
func (c *clients) host(location string) string {
	switch {
	case c.endpoint != "":
		return c.endpoint
	case location != "":
		return "secretmanager." + location + ".rep.googleapis.com"
	}
	return globalHost
}

// plaintext reports whether the endpoint is on this machine: an emulator,
// which gets no credentials.
func (c *clients) plaintext() bool {
	host, _, err := net.SplitHostPort(c.endpoint)
	return err == nil && loopback(host)
}

func (c *clients) newClient(ctx context.Context, location string) (*secretmanager.Client, error) {
	opts := []option.ClientOption{
		// GOOGLE_SDK_GO_LOGGING_LEVEL=debug would log payloads and tokens.
		option.WithLogger(slog.New(slog.DiscardHandler)),
	}
	if c.plaintext() {
		conn, err := grpc.NewClient(c.endpoint, append(dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			return nil, err
		}
		opts = append(opts, option.WithGRPCConn(conn), option.WithoutAuthentication())
	} else {
		host := c.host(location)
		if _, _, err := net.SplitHostPort(host); err != nil {
			host += ":443"
		}
		opts = append(opts, option.WithEndpoint(host), option.WithAuthCredentials(auth.NewCredentials(&auth.CredentialsOptions{
			TokenProvider:          &c.login,
			QuotaProjectIDProvider: auth.CredentialsPropertyFunc(c.login.quotaProject),
			UniverseDomainProvider: auth.CredentialsPropertyFunc(c.login.universeDomain),
		})))
		if c.quotaProject != "" {
			opts = append(opts, option.WithQuotaProject(c.quotaProject))
		}
		for _, o := range dialOptions() {
			opts = append(opts, option.WithGRPCDialOption(o))
		}
	}
	client, err := secretmanager.NewClient(ctx, opts...)
	if err != nil {
		return nil, err
	}
	// The client's own retries hide why they were needed; the resolver tries
	// again, and spaces its reads.
	client.CallOptions = &secretmanager.CallOptions{}
	return client, nil
}

// dialOptions keep gRPC from holding on to an outage longer than it lasts.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		// By default gRPC waits up to two minutes between attempts to connect,
		// and fails every call in between without trying.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: attemptTimeout,
		}),
		// Sets TCP_USER_TIMEOUT, so that a connection whose peer vanished is
		// replaced after seconds. Pings are as rare as servers tolerate.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Minute, Timeout: 5 * time.Second}),
	}
}

// silence is how long a call is without an answer before its connection is
// taken to be dead.
const silence = time.Second

// discard takes a connection of ours out of use, on which a call got no answer
// in time: its peer may have vanished behind something that still acknowledges
// what it is sent (a proxy, a sidecar), and gRPC would notice at the next
// keepalive only, minutes later, with every call until then in vain. Calls that
// are under way on it go on, for as long as one lasts at most.
func (c *clients) discard(location string, conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.open[location] != conn {
		return
	}
	delete(c.open, location)
	if c.retired == nil {
		c.retired = make(map[*connection]*time.Timer)
	}
	c.retired[conn] = time.AfterFunc(pageTimeout, func() {
		c.mu.Lock()
		_, mine := c.retired[conn]
		delete(c.retired, conn)
		c.mu.Unlock()
		if mine {
			_ = conn.close()
		}
	})
}

// close closes what get has opened.
func (c *clients) close() error {
	c.mu.Lock()
	open, retired := c.open, c.retired
	c.open, c.retired, c.closed = nil, nil, true
	c.mu.Unlock()
	c.login.close()
	for conn, timer := range retired {
		timer.Stop()
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

// parseEndpoint checks the option endpoint. Its error quotes it, for a URI
// with a credential in it never comes this far.
func parseEndpoint(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil && !strings.ContainsAny(s, ":/[] ") {
		host, port, err = s, "443", nil
	}
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || portErr != nil || number == 0 || strings.ContainsAny(host, "/ @?#%") {
		return "", invalid(
			"option endpoint reads host:port, without http:// or a path, not %s; it is dialled without TLS on a loopback host, with TLS elsewhere", quote(s))
	}
	return net.JoinHostPort(host, port), nil
}

// loopback reports whether a host can be nowhere but on this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (c *clients) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
