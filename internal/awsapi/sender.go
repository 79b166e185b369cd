package awsapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/limit"
)

const (
	// largestCredentials is the most that is read of the answer of a credential
	// source, in bytes.
	largestCredentials = 256 << 10
	// reach is how long a connection to the metadata service of a machine is
	// tried for. Where there is none, the error comes within two seconds.
	reach = 1500 * time.Millisecond
)

// A sender sends the requests of all credential sources: STS, SSO, the
// container's endpoint, instance metadata. The SDK makes their clients while it
// loads the configuration, some with an HTTP client of their own, so the sender
// is a middleware, the innermost one.
type sender struct {
	options   *Options
	transport atomic.Pointer[http.Transport] // nil until the configuration is loaded
	instead   http.RoundTripper              // of the transport, in tests; nil: none
}

// next returns what a request goes through.
func (s *sender) next() http.RoundTripper {
	if s.instead != nil {
		return s.instead
	}
	if t := s.transport.Load(); t != nil {
		return t
	}
	t := newTransport(aws.Config{})
	t.DisableKeepAlives = true
	return t
}

// start has requests go as the configuration says. No connection is kept: one
// that died meanwhile would hold a login up, which is never cut.
func (s *sender) start(cfg aws.Config) {
	t := newTransport(cfg)
	t.DisableKeepAlives = true
	s.transport.Store(t)
}

// add is an option of the SDK's clients.
func (s *sender) add(stack *middleware.Stack) error {
	// Instance metadata has five seconds of its own, which are too few for one
	// that is slow. The step has an end.
	const operationTimeout = "OperationTimeout"
	if _, ok := stack.Initialize.Get(operationTimeout); ok {
		if _, err := stack.Initialize.Remove(operationTimeout); err != nil {
			return err
		}
	}
	if err := stack.Initialize.Add(&lacking{stack.ID()}, middleware.Before); err != nil {
		return err
	}
	return stack.Deserialize.Add(&sending{sender: s, operation: stack.ID()}, middleware.After)
}

// A sending is the end of one client's middleware for one operation.
type sending struct {
	*sender
	operation string
}

// ID names the middleware.
func (s *sending) ID() string { return "secrets.Sender" }

// HandleDeserialize sends the request in place of the client's own HTTP client.
func (s *sending) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, _ middleware.DeserializeHandler) (
	out middleware.DeserializeOutput, metadata middleware.Metadata, err error,
) {
	out.RawResponse, metadata, err = smithyhttp.NewClientHandlerWithOptions(s).Handle(ctx, in.Request)
	return out, metadata, err
}

// isMetadata reports whether the operation asks the metadata service of a
// machine.
func (s *sending) isMetadata() bool {
	return s.operation == operationToken || s.operation == "GetMetadata"
}

// operationToken is the SDK's name for what instance metadata wants first.
const operationToken = "getToken"

// Do sends a request and reads its answer whole. It ends with the step that it
// is a part of: the SDK's cache of credentials hands on no deadline.
func (s *sending) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	st := stepOf(ctx)
	defer context.AfterFunc(st.ctx, cancel)()
	if err := s.checkPlain(req); err != nil {
		return nil, &unsentError{err}
	}
	d := s.options.dialing(req.URL)
	if s.isMetadata() && !st.found.Load() {
		d.by, d.refused, d.found = st.start.Add(reach), &st.refused, &st.found
	}
	if s.operation == operationToken {
		// In a container, the answer may not get through (the hop limit). The
		// SDK goes on without a token then, so it has to find out in time.
		if !st.end.IsZero() {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, time.Until(st.end)/3)
			defer stop()
		}
	}
	resp, err := whole(&limit.Transport{Next: s.next(), Max: largestCredentials}, req.WithContext(d.in(ctx)))
	switch {
	case err != nil && st.ctx.Err() != nil:
		return nil, st.ctx.Err()
	case err != nil && s.operation == operationToken && errors.Is(ctx.Err(), context.DeadlineExceeded):
		st.tokenLost.Store(true)
	case err == nil && s.operation == "GetMetadata" && resp.StatusCode == http.StatusUnauthorized && st.tokenLost.Load():
		return nil, &hopsError{}
	}
	return resp, err
}

// checkPlain returns an error if the request would go to another machine over
// plain http, unless that is the fixed address of a metadata service.
func (s *sending) checkPlain(req *http.Request) error {
	if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil && metadataAddress(ip) {
		return nil
	}
	what := "the address of the credentials"
	switch {
	case s.isMetadata():
		what = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	case s.operation == "GetCredentials":
		what = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	case s.operation == "AssumeRole" || s.operation == "AssumeRoleWithWebIdentity":
		what = s.options.endpointSetting("sts")
	case s.operation == "GetRoleCredentials":
		what = s.options.endpointSetting("sso")
	case s.operation == "CreateToken":
		what = s.options.endpointSetting("sso_oidc")
	}
	return endpoint.CheckPlain(what, req.URL.String(), s.options.AllowHTTP)
}

// metadataAddress reports whether an address is one of those that the SDK has
// for the metadata service of machines, ECS and EKS: the network's own.
func metadataAddress(ip netip.Addr) bool {
	switch ip.String() {
	case "169.254.169.254", "fd00:ec2::254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23":
		return true
	}
	return false
}

// A hopsError is about instance metadata that wants a token, which does not
// come through.
type hopsError struct{}

func (*hopsError) Error() string {
	return "it wants a token, and its answer to the request for one does not come through"
}

// An unsentError is about a request that was not sent: the configuration is
// wrong.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// A step gets credentials once. It is a value of the context that the SDK's
// credential providers are asked with.
type step struct {
	ctx       context.Context // ends with the step
	start     time.Time
	end       time.Time                   // when who waits for it has to have it; zero: no matter
	tokenLost atomic.Bool                 // instance metadata did not answer to a request for a token
	found     atomic.Bool                 // instance metadata has taken a connection, so it is there, however slow
	refused   atomic.Pointer[net.OpError] // the last refusal of instance metadata
}

type (
	stepKey struct{}
	endKey  struct{}
)

// withEnd makes the deadline of ctx a value, too, since a login has the values
// of who began it and not the deadline.
func withEnd(ctx context.Context) context.Context {
	if end, ok := ctx.Deadline(); ok {
		return context.WithValue(ctx, endKey{}, end)
	}
	return ctx
}

// withStep begins a step, unless ctx belongs to one.
func withStep(ctx context.Context) context.Context {
	if _, ok := ctx.Value(stepKey{}).(*step); ok {
		return ctx
	}
	return context.WithValue(ctx, stepKey{}, newStep(ctx))
}

func newStep(ctx context.Context) *step {
	st := &step{ctx: ctx, start: time.Now()}
	var ok bool
	if st.end, ok = ctx.Deadline(); !ok {
		st.end, _ = ctx.Value(endKey{}).(time.Time)
	}
	return st
}

func stepOf(ctx context.Context) *step {
	if st, ok := ctx.Value(stepKey{}).(*step); ok {
		return st
	}
	return newStep(ctx)
}

// credentialRetryer tries again, within a step, what the SDK says is not worth
// telling: STS that does not know a new identity yet, instance metadata that
// does not know its token any more. Everything else is for the resolver.
type credentialRetryer struct{ aws.NopRetryer }

func (credentialRetryer) IsErrorRetryable(err error) bool {
	var says interface{ RetryableError() bool }
	return errors.As(err, &says) && says.RetryableError()
}

func (credentialRetryer) MaxAttempts() int { return 3 }

func (credentialRetryer) RetryDelay(attempt int, _ error) (time.Duration, error) {
	if attempt > 1 { // a new identity takes STS a moment; that there is none is still told within two seconds
		return time.Second, nil
	}
	return 100 * time.Millisecond, nil
}

// containerEndpoint is the address of the container's endpoint, for a message.
func containerEndpoint() string {
	if full := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"); full != "" && os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") == "" {
		return endpoint.Show(full)
	}
	return "169.254.170.2"
}
