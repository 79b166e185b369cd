package awsapi

import (
	"context"
	"fmt"
	"hash/maphash"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// notComparable spares programs the code that compares structs, which is
// linked for each type that can be.
type notComparable [0]func()

// Budgets of the credential step.
const (
	// patience is how long a call waits for credentials. slowPatience applies
	// where a metadata service answers for them, which may be slow and does
	// the waiting itself.
	patience     = 1800 * time.Millisecond
	slowPatience = 4500 * time.Millisecond
	// stepTimeout ends a step that nobody waits for any more.
	stepTimeout = 30 * time.Second
	// remembered is how long a failure is told to those who ask after it.
	remembered = 10 * time.Second
)

// A Conn is a client that is ready to call, and what its calls need.
type Conn struct {
	_ notComparable

	Client      any                     // of the service: *secretsmanager.Client, *ssm.Client
	Region      string                  // of the configuration; may be empty
	HTTP        HTTPClient              // gives every attempt a timeout
	Credentials aws.CredentialsProvider // nil: calls are not signed

	expires atomic.Int64 // Unix seconds of the credentials' end; 0: none. Stored before the Conn is handed out, and by later steps.
}

// In returns the region to call for a resource whose ARN tells region, or
// none.
func (c *Conn) In(region string, o *Options) (string, error) {
	if region == "" {
		region = c.Region
	}
	if region == "" {
		return "", noRegion(o)
	}
	return region, nil
}

// A Session makes a Conn when the first call needs one, with a credential
// step of its own: one at a time, under its own budget, its failure remembered
// for a while. It is safe for concurrent use.
type Session struct {
	Options *Options

	open    func(ctx context.Context) (*Conn, error)
	mayOpen bool // open reads configuration that may have changed since
	ctx     context.Context
	cancel  context.CancelFunc

	ready atomic.Pointer[Conn]

	mu        sync.Mutex // guards what follows; not held while waiting
	step      *step      // under way; nil: none
	failure   error      // of the last step, told until forget
	forget    time.Time
	seen      uint64 // fingerprint of the environment when it failed
	transport *http.Transport
	closed    bool
	steps     sync.WaitGroup
}

// A step gets credentials, and a Conn if there is none.
type step struct {
	_ notComparable

	done chan struct{}
	conn *Conn // when done
	err  error // when done

	chain atomic.Pointer[[]aws.CredentialSource] // where the credentials come from; nil until that is known
}

// slow reports whether a metadata service is asked.
func (st *step) slow() bool {
	chain := st.chain.Load()
	return chain != nil && has(*chain, aws.CredentialSourceIMDS, aws.CredentialSourceHTTP)
}

// Open returns a Session that configures itself from the environment, the
// shared files and o, and makes its client with connect. Nothing is read yet.
func Open(o *Options, connect func(aws.Config) any) *Session {
	s := newSession(o)
	s.mayOpen = true
	s.open = func(ctx context.Context) (*Conn, error) {
		cfg, err := o.load(ctx)
		if err != nil {
			return nil, configFailed(err, o)
		}
		client := plainClient(s.sharedTransport(cfg))
		cfg.HTTPClient = client
		c := &Conn{Client: connect(cfg), Region: cfg.Region, HTTP: &bounded{client, client.CloseIdleConnections}}
		if cfg.Credentials != nil {
			c.Credentials = &marked{cfg.Credentials}
		}
		return c, nil
	}
	return s
}

// Given returns a Session over a user's own client. Its region, credentials
// and HTTP client are those of the client's options.
func Given(client any, o *Options, region string, credentials aws.CredentialsProvider, http HTTPClient) *Session {
	s := newSession(o)
	c := &Conn{Client: client, Region: region, HTTP: &bounded{next: http}}
	if credentials != nil {
		c.Credentials = &marked{credentials}
	}
	s.open = func(context.Context) (*Conn, error) { return c, nil }
	return s
}

func newSession(o *Options) *Session {
	s := &Session{Options: o}
	s.ctx, s.cancel = context.WithCancel(context.Background()) // #nosec G118 -- Close calls it
	return s
}

// Conn returns what calls need, with credentials that have not expired. An
// error is of class ErrUnauthenticated (ErrInvalid for a configuration that
// cannot be right, ErrUnavailable if ctx ends first).
func (s *Session) Conn(ctx context.Context) (*Conn, error) {
	if c := s.ready.Load(); c != nil && !c.expired() {
		return c, nil
	}
	st, err := s.join()
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, st)
}

// expired reports whether the credentials have to be renewed before a call.
func (c *Conn) expired() bool {
	end := c.expires.Load()
	return end != 0 && time.Now().Unix() >= end
}

// join returns the step under way, begins one, or tells a remembered failure.
func (s *Session) join() (*step, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, fault.New(secrets.ErrClosed, "the provider was closed", nil)
	case s.failure != nil && time.Now().Before(s.forget) && (!s.mayOpen || s.seen == fingerprint()):
		return nil, s.failure
	case s.step != nil:
		return s.step, nil
	}
	st := &step{done: make(chan struct{})}
	s.step = st
	s.steps.Go(func() { s.run(st) })
	return st, nil
}

// run gets the credentials. It goes on when no caller waits any longer, so
// that a slow source serves the next one.
func (s *Session) run(st *step) {
	ctx, cancel := context.WithTimeout(s.ctx, stepTimeout)
	defer cancel()
	seen := fingerprint()
	st.conn, st.err = s.credentials(ctx, st)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = nil
	s.failure = st.err
	if st.err != nil {
		s.remember(st.err, seen)
		if s.mayOpen {
			s.ready.Store(nil) // what was configured has failed: read it anew
		}
	} else {
		s.ready.Store(st.conn)
	}
	close(st.done)
}

func (s *Session) remember(err error, seen uint64) {
	s.failure, s.forget, s.seen = err, time.Now().Add(remembered), seen
}

// credentials opens a Conn if there is none and gets its credentials.
func (s *Session) credentials(ctx context.Context, st *step) (*Conn, error) {
	c := s.ready.Load()
	if c == nil {
		var err error
		if c, err = s.open(ctx); err != nil {
			return nil, err
		}
	}
	if c.Credentials == nil {
		return c, nil
	}
	chain := sources(c.Credentials)
	st.chain.Store(&chain)
	start := time.Now()
	end, err := retrieve(ctx, c.Credentials)
	// Once more if a service that gives them failed at once: the metadata
	// service of a machine that just started drops a first request, and the
	// failure would be remembered. The SDK's own retries wait for seconds.
	if err != nil && time.Since(start) <= patience/4 && remote(chain) {
		select {
		case <-time.After(patience / 10):
			end, err = retrieve(ctx, c.Credentials)
		case <-ctx.Done():
		}
	}
	if err != nil {
		return nil, credentialsFailed(err, s.Options, chain)
	}
	c.expires.Store(end)
	return c, nil
}

// retrieve gets credentials, for the SDK to find, and returns when they end, in
// Unix seconds; 0: never.
func retrieve(ctx context.Context, p aws.CredentialsProvider) (end int64, err error) {
	got, err := p.Retrieve(ctx)
	if err == nil && got.CanExpire {
		end = got.Expires.Unix()
	}
	return end, err
}

// remote reports whether a service gives the credentials, and not a file.
func remote(chain []aws.CredentialSource) bool {
	return has(chain, aws.CredentialSourceIMDS, aws.CredentialSourceHTTP, aws.CredentialSourceSTSAssumeRole,
		aws.CredentialSourceSTSAssumeRoleWebID, aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceProfileSTSWebIDToken)
}

// wait waits for a step within the caller's context and the budget.
func (s *Session) wait(ctx context.Context, st *step) (*Conn, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for waited := patience; ; waited = slowPatience {
		select {
		case <-st.done:
			return st.conn, st.err
		case <-ctx.Done():
			return nil, fault.New(secrets.ErrUnavailable, "the AWS credentials were not waited for", ctx.Err())
		case <-timer.C:
		}
		if waited == slowPatience || !st.slow() {
			return nil, s.late(st, waited)
		}
		timer.Reset(slowPatience - patience)
	}
}

// late is the error of a step that takes longer than a caller waits. It is
// remembered, until the step ends.
func (s *Session) late(st *step, waited time.Duration) error {
	var chain []aws.CredentialSource
	if known := st.chain.Load(); known != nil {
		chain = *known
	}
	err := credentialsFailed(fmt.Errorf("waited %s: %w", waited, context.DeadlineExceeded), s.Options, chain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step == st {
		s.remember(err, fingerprint())
	}
	return err
}

// Rejected tells that the service does not accept the credentials of c: what
// the environment and the shared files say is read again for the next call.
func (s *Session) Rejected(c *Conn) {
	if s.mayOpen {
		s.ready.CompareAndSwap(c, nil)
	}
}

// sharedTransport returns the transport of every Conn that this Session opens.
func (s *Session) sharedTransport(cfg aws.Config) *http.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transport == nil {
		s.transport = newTransport(cfg)
	}
	return s.transport
}

// Close ends a step under way, waits for it, and closes idle connections that
// the Session has opened. A user's own client is left as it is.
func (s *Session) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.steps.Wait()
	s.ready.Store(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
	return nil
}

// fingerprint tells one state of the environment and the shared files from
// another, so that a remembered failure does not hide new credentials.
func fingerprint() uint64 {
	text := ""
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "AWS_") {
			text += kv + "\x00"
		}
	}
	files := configFiles()
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".aws", "sso", "cache"), filepath.Join(home, ".aws", "login", "cache"))
	}
	for _, name := range append(files, os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")) {
		if info, err := os.Stat(name); err == nil {
			text += info.ModTime().String()
		}
		text += "\x00"
	}
	return maphash.String(seed, text)
}

var seed = maphash.MakeSeed()
