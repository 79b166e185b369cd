package awsapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/limit"
)

// newTransport returns the SDK's transport, with the certificates that the
// configuration asks for, as one whose idle connections can be closed, that
// reads a bounded amount of headers, and that dials as a dialing says.
//
// It is used as it is, and not through an [http.Client], because that follows
// redirects, quotes their addresses in its errors, and sends the user
// information of a URL.
func newTransport(cfg aws.Config) *http.Transport {
	b, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		b = awshttp.NewBuildableClient()
	}
	t := b.GetTransport()
	t.MaxResponseHeaderBytes = limit.Header
	t.DialContext = dialer(t.DialContext)
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		if plainTo(req.URL) && endpoint.Loopback(req.URL.Hostname()) {
			return nil, nil // it stays on this machine
		}
		proxy, err := http.ProxyFromEnvironment(req)
		if err != nil {
			return nil, errProxy // the cause quotes the address, with its password
		}
		return proxy, nil
	}
	return t
}

var errProxy = errors.New("the address of the proxy (HTTPS_PROXY, HTTP_PROXY) is no URL")

func plainTo(u *url.URL) bool { return u.Scheme == "http" }

// A dialing says how a connection for a request is made. It is a value of the
// request's context.
type dialing struct {
	loopback string                       // the host, if plain http may go to it as being this machine; the dialled address has to be
	by       time.Time                    // try again until then, if nothing listens yet; zero: once, and as long as it takes
	refused  *atomic.Pointer[net.OpError] // with by: the last refusal before
	found    *atomic.Bool                 // with by: a connection was made
}

type dialingKey struct{}

func (d dialing) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, dialingKey{}, d)
}

// dialing is that of a request whose address passed [endpoint.CheckPlain].
func (o *Options) dialing(u *url.URL) dialing {
	host := u.Hostname()
	if plainTo(u) && endpoint.Loopback(host) && !o.AllowHTTP && !endpoint.Allowed(host) {
		return dialing{loopback: host}
	}
	return dialing{}
}

// redial is how long to wait before nothing that listens is asked for again.
const redial = 50 * time.Millisecond

// dialer returns dial with the rules of a dialing.
func dialer(dial endpoint.DialFunc) endpoint.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d, _ := ctx.Value(dialingKey{}).(dialing)
		dial := dial
		if d.loopback != "" {
			dial = endpoint.Dialer(dial, d.loopback)
		}
		if d.by.IsZero() {
			return dial(ctx, network, address)
		}
		bounded, cancel := context.WithDeadline(ctx, d.by)
		defer cancel()
		for {
			conn, err := dial(bounded, network, address)
			if err == nil {
				d.found.Store(true)
				return conn, nil
			}
			var refused *net.OpError
			if errors.As(err, &refused) && !refused.Timeout() {
				d.refused.Store(refused)
			}
			select {
			case <-time.After(redial):
			case <-bounded.Done():
				if ctx.Err() != nil {
					return nil, err
				}
				if refused = d.refused.Load(); refused != nil {
					err = refused
				}
				return nil, &unreachableError{err}
			}
		}
	}
}

// An unreachableError is about a metadata service that no connection leads to:
// this machine has none.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }
func (e *unreachableError) Unwrap() error { return e.err }

// Quiet returns the log mode without what would print values: the bodies of
// requests and responses.
func Quiet(m aws.ClientLogMode) aws.ClientLogMode {
	return m &^ (aws.LogRequestWithBody | aws.LogResponseWithBody | aws.LogRequestEventMessage | aws.LogResponseEventMessage)
}
