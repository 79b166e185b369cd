package gcp

import (
	"context"
	"sync"
	"time"

	"cloud.google.com/go/auth"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

const (
	// An absent credential has to be told within two seconds, also by a busy
	// machine.
	metadataBudget = 1500 * time.Millisecond
	// A token that is exchanged over the network may take several hops.
	exchangeBudget = 8 * time.Second

	// A token is renewed this long before its end. The client library's own
	// cache gives a new one from 3m45s before.
	renewBefore = 220 * time.Second
	// A token with less than this left is not used.
	leastLeft = 10 * time.Second

	// How long a failure is told without trying again.
	rememberRefused = 10 * time.Second
	rememberOutage  = time.Second
)

// login gets access tokens: one attempt at a time, whoever asks, in a time of
// its own, its failures remembered. It is the [auth.TokenProvider] of the
// clients, too, so that all of them go over to new credentials together.
type login struct {
	mu      sync.Mutex
	creds   *auth.Credentials // nil: to be found at the next attempt
	token   *auth.Token
	flight  *flight
	failure error
	until   time.Time // failure is told up to here
	closed  bool
	running sync.WaitGroup
}

// A flight is one attempt. Its fields are read once done is closed.
type flight struct {
	cancel context.CancelFunc
	done   chan struct{}
	token  *auth.Token
	err    error
}

// Token returns an access token. It waits for one only if there is none: a
// token that ends soon is renewed beside its use.
func (l *login) Token(ctx context.Context) (*auth.Token, error) {
	l.mu.Lock()
	now := time.Now()
	if good(l.token, now, renewBefore) {
		defer l.mu.Unlock()
		return l.token, nil
	}
	if l.closed {
		defer l.mu.Unlock()
		return nil, errClosed()
	}
	remembered := l.failure
	if now.After(l.until) {
		remembered = nil
	}
	if l.flight == nil && remembered == nil {
		l.start()
	}
	token, f := l.token, l.flight
	l.mu.Unlock()

	if good(token, now, leastLeft) {
		return token, nil
	}
	if remembered != nil {
		return nil, remembered
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, &fault.Error{Class: secrets.ErrUnavailable, Msg: "while waiting for Google Cloud credentials", Err: ctx.Err()}
	}
}

// good reports whether a token is of use for longer than left.
func good(t *auth.Token, now time.Time, left time.Duration) bool {
	return t != nil && (t.Expiry.IsZero() || t.Expiry.Sub(now) > left)
}

// start starts an attempt. It needs the lock.
func (l *login) start() {
	source := findSource()
	// Not the caller's context: what one caller gives up, others wait for.
	ctx, cancel := context.WithTimeout(context.Background(), source.budget())
	f := &flight{cancel: cancel, done: make(chan struct{})}
	l.flight = f
	creds := l.creds
	l.running.Go(func() {
		defer cancel()
		if creds == nil {
			creds, f.err = source.credentials()
		}
		if f.err == nil {
			f.token, f.err = source.token(ctx, creds)
		}
		l.finish(f, creds)
	})
}

// finish publishes the outcome of an attempt.
func (l *login) finish(f *flight, creds *auth.Credentials) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(f.done)
	l.flight = nil
	if f.err == nil {
		l.creds, l.token, l.failure = creds, f.token, nil
		return
	}
	// The file is read again next time: its key may have been replaced.
	l.creds = nil
	l.failure = f.err
	l.until = time.Now().Add(rememberFor(f.err))
}

// forget drops credentials that the service has refused, so that the next
// attempt reads them anew.
func (l *login) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.creds, l.token = nil, nil
}

// quotaProject and universeDomain are properties of the credentials; clients
// ask for them once there are some.
func (l *login) quotaProject(ctx context.Context) (string, error) {
	if creds := l.held(); creds != nil {
		return creds.QuotaProjectID(ctx)
	}
	return "", nil
}

func (l *login) universeDomain(ctx context.Context) (string, error) {
	if creds := l.held(); creds != nil {
		return creds.UniverseDomain(ctx)
	}
	return "googleapis.com", nil
}

func (l *login) held() *auth.Credentials {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.creds
}

// close ends an attempt that is under way and waits for it.
func (l *login) close() {
	l.mu.Lock()
	l.closed = true
	if l.flight != nil {
		l.flight.cancel()
	}
	l.mu.Unlock()
	l.running.Wait()
}
