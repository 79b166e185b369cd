package awsapi

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/login"
)

// A Conn is a client that is ready to call, and what its calls need.
type Conn struct {
	Client      any                     // of the service: *secretsmanager.Client, *ssm.Client
	Region      string                  // of the configuration; may be empty
	HTTP        HTTPClient              // divides the time of a call, and bounds its answer
	Credentials aws.CredentialsProvider // nil: calls are not signed

	options   *Options
	own       bool // a user's own client
	hide      *hidden
	transport *http.Transport // nil: a user's own client has another

	expires  atomic.Int64  // Unix seconds of the credentials' end; 0: none. Stored before the Conn is handed out, and by later logins.
	identity atomic.Uint64 // tells credentials apart
}

// In returns the region to call for a resource whose ARN tells region, or
// none.
func (c *Conn) In(region string, o *Options) (string, error) {
	if region = c.RegionOf(region); region == "" {
		return "", o.noRegion(c.own)
	}
	return region, nil
}

// RegionOf is the region of an ARN, or else that of the configuration; empty:
// none is known.
func (c *Conn) RegionOf(region string) string {
	if region == "" {
		return c.Region
	}
	return region
}

// CallOptions point at what the options of one call of a service's client share
// with those of the others.
type CallOptions struct {
	Region       *string
	BaseEndpoint **string
	Credentials  *aws.CredentialsProvider
	LogMode      *aws.ClientLogMode
	Retryer      *aws.Retryer
}

// Tune makes a call go to a region as the Conn says. A client that is not a
// user's own has its endpoint from option endpoint, and no retries: the resolver
// tries again, for all backends alike.
func (c *Conn) Tune(call CallOptions, region string) {
	*call.Region, *call.LogMode = region, Quiet(*call.LogMode)
	if c.Credentials != nil {
		*call.Credentials = c.Credentials
	}
	if c.own {
		return
	}
	*call.Retryer = aws.NopRetryer{}
	if c.options.Endpoint != "" {
		*call.BaseEndpoint = aws.String(c.options.Endpoint)
	}
}

// expired reports whether the credentials have to be renewed before a call.
func (c *Conn) expired() bool {
	end := c.expires.Load()
	return end != 0 && time.Now().Unix() >= end
}

// note keeps what is needed to know of credentials.
func (c *Conn) note(got aws.Credentials) {
	c.hide.add(got.SecretAccessKey, got.SessionToken)
	c.identity.Store(maphash.String(seed, got.AccessKeyID+"\x00"+got.SecretAccessKey+"\x00"+got.SessionToken))
	end := int64(0)
	if got.CanExpire {
		end = got.Expires.Unix()
	}
	c.expires.Store(end)
}

// A Session makes a Conn when the first call needs one, and gets its
// credentials as a step of their own: one at a time, within the time of the
// calls that wait for them, and a failure is told for a moment without another
// try. It is safe for concurrent use.
type Session struct {
	Options *Options

	open  func(ctx context.Context) (*Conn, error)
	own   bool // over a user's own client: there is nothing to read anew
	login login.Flight[*Conn]
	ready atomic.Pointer[Conn]
	chain atomic.Pointer[[]aws.CredentialSource] // of the Conn that was opened last
}

// Open returns a Session that configures itself from the environment, the
// shared files and o, and makes its client with connect, which returns the
// client's own base URL, too, if it has one. serviceID is the service's ID as in
// secrets_manager, and most the bytes that an answer of it may have. Nothing is
// read yet.
func Open(o *Options, serviceID string, most int64, connect func(aws.Config) (client any, base *string)) *Session {
	s := &Session{Options: o}
	s.login.Attempt, s.login.Print = s.attempt, fingerprint
	s.open = func(ctx context.Context) (*Conn, error) {
		hide := newHidden()
		send := &sender{options: o}
		cfg, err := o.load(ctx, hide, send)
		if err != nil {
			return nil, err
		}
		client, base := connect(cfg)
		if base != nil && o.Endpoint == "" {
			if err := o.checkEndpoint(o.endpointSetting(serviceID), *base); err != nil {
				return nil, err
			}
		}
		t := newTransport(cfg)
		c := &Conn{
			Client: client, Region: cfg.Region, hide: hide, transport: t, options: o,
			HTTP: &service{next: t, max: most, idle: t.CloseIdleConnections, dialling: o.dialing},
		}
		if cfg.Credentials != nil {
			c.Credentials = &marked{cfg.Credentials, hide}
		}
		return c, nil
	}
	return s
}

// Given returns a Session over a user's own client. Its region, credentials
// and HTTP client are those of the client's options.
func Given(client any, o *Options, most int64, region string, credentials aws.CredentialsProvider, http HTTPClient) *Session {
	s := &Session{Options: o, own: true}
	s.login.Attempt = s.attempt
	c := &Conn{Client: client, Region: region, own: true, options: o, hide: newHidden(), HTTP: &service{next: asRoundTripper{http}, max: most}}
	if credentials != nil {
		c.Credentials = &marked{credentials, c.hide}
	}
	s.open = func(context.Context) (*Conn, error) { return c, nil }
	return s
}

// Conn returns what calls need, with credentials that have not expired.
func (s *Session) Conn(ctx context.Context) (*Conn, error) {
	if c := s.ready.Load(); c != nil && !c.expired() {
		return c, nil
	}
	c, err := s.login.Do(withEnd(ctx))
	var told *fault.Error
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &told):
		return nil, err
	case errors.Is(err, login.ErrClosed):
		return nil, fault.New(secrets.ErrClosed, "the provider was closed", nil)
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, fault.New(secrets.ErrUnavailable, "the AWS credentials were not waited for", ctx.Err())
	case ctx.Err() != nil:
		return nil, s.late()
	}
	return nil, fault.New(secrets.ErrUnavailable, "the AWS credentials were not got", err)
}

// attempt gets credentials, for a new Conn if there is none.
func (s *Session) attempt(ctx context.Context) (*Conn, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if c.Credentials == nil {
		s.ready.Store(c)
		return c, nil
	}
	chain := sources(c.Credentials)
	s.chain.Store(&chain)
	got, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		s.drop(c) // what was configured has failed: read it anew
		if ctx.Err() != nil {
			return nil, s.late()
		}
		return nil, s.Options.credentialsFailed(err, chain, c)
	}
	c.note(got)
	s.ready.Store(c)
	return c, nil
}

func (s *Session) connect(ctx context.Context) (*Conn, error) {
	if c := s.ready.Load(); c != nil {
		return c, nil
	}
	return s.open(ctx)
}

// drop has the next call open a Conn in place of c.
func (s *Session) drop(c *Conn) {
	s.ready.CompareAndSwap(c, nil)
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

// late is the error of credentials that were waited for as long as the calls
// that want them may.
func (s *Session) late() error {
	var chain []aws.CredentialSource
	if known := s.chain.Load(); known != nil {
		chain = *known
	}
	return &fault.Error{
		Class: secrets.ErrUnavailable, Err: context.DeadlineExceeded, Quiet: true,
		Msg: "the AWS credentials did not come in time: no answer from " + s.Options.source(chain),
	}
}

// Call calls call with a Conn. If the service refuses its credentials, the
// environment and the shared files are read again, and if they have others
// now, call is called once more with these.
func (s *Session) Call(ctx context.Context, call func(*Conn) error) error {
	c, err := s.Conn(ctx)
	if err != nil {
		return err
	}
	if err = call(c); err == nil {
		return nil
	}
	if next := s.after(ctx, c, err); next != nil {
		return call(next)
	}
	return err
}

// Batch reads refs as Call does: read may be called once more, with those that
// the credentials were refused for. Without a Conn, fail makes the results.
func (s *Session) Batch(ctx context.Context, refs []secrets.Ref, fail func(error) []secrets.Result, read func(*Conn, []secrets.Ref) []secrets.Result) []secrets.Result {
	c, err := s.Conn(ctx)
	if err != nil {
		return fail(err)
	}
	results := read(c, refs)
	var refused []int
	var again []secrets.Ref
	for i, r := range results {
		if errors.Is(r.Err, secrets.ErrUnauthenticated) {
			refused, again = append(refused, i), append(again, refs[i])
		} else if r.Err != nil {
			s.after(ctx, c, r.Err)
		}
	}
	if len(refused) == 0 {
		return results
	}
	if next := s.after(ctx, c, results[refused[0]].Err); next != nil {
		for n, r := range read(next, again) {
			results[refused[n]] = r
		}
	}
	return results
}

// after looks at the failure of a call with c. Where the credentials or the
// certificates may have been replaced since they were read, c is dropped. It
// returns a Conn with other credentials than those that were refused; nil, if
// there is none.
func (s *Session) after(ctx context.Context, c *Conn, err error) *Conn {
	refused := errors.Is(err, secrets.ErrUnauthenticated)
	if s.own || !refused && !distrusts(err) {
		return nil
	}
	s.drop(c)
	if !refused {
		return nil
	}
	next, err := s.Conn(ctx)
	if err != nil || next.identity.Load() == c.identity.Load() {
		return nil
	}
	return next
}

// Close ends a login under way, waits for it, and closes idle connections that
// the Session has opened. A user's own client is left as it is.
func (s *Session) Close() error {
	s.login.Close()
	if c := s.ready.Swap(nil); c != nil && c.transport != nil {
		c.transport.CloseIdleConnections()
	}
	return nil
}
