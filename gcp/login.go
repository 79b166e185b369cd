package gcp

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloud.google.com/go/auth"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	flights "github.com/go-secrets/secrets/internal/login"
)

const (
	// A token is renewed this long before its end.
	renewBefore = 220 * time.Second
	// A token with less than this left is not used.
	leastLeft = 10 * time.Second
)

// sealed hides a session from what prints a provider by reflection, which
// cannot look into a func.
type sealed func() *session

// login gets access tokens: one attempt at a time, whoever asks. It is the
// [auth.TokenProvider] of the clients, too, so that all of them go over to new
// credentials together.
type login struct {
	allowHTTP bool // to a token endpoint on another machine

	files  files
	flight flights.Flight[sealed]

	mu    sync.Mutex
	held  sealed // nil: none yet, or refused
	asked string // the address that the attempt under way waits for; empty: none
}

func newLogin() *login {
	l := new(login)
	l.flight.Attempt = l.attempt
	l.flight.Print = func() uint64 { return findSource().fingerprint() }
	return l
}

func (l *login) attempt(ctx context.Context) (sealed, error) {
	// The files are read at every attempt: a key may have been replaced.
	l.mu.Lock()
	held := l.held
	l.asked = ""
	l.mu.Unlock()
	if held != nil && good(held().token, time.Now(), renewBefore) {
		return held, nil // the caller missed the attempt before by a hair
	}
	s, err := findSource().begin(ctx, &l.files, l.allowHTTP, l.asks)
	if err != nil {
		return nil, err
	}
	held = func() *session { return s }
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	return held, nil
}

// Token returns an access token. It waits for one only if there is none: a
// token that ends soon is renewed beside its use.
func (l *login) Token(ctx context.Context) (*auth.Token, error) {
	now := time.Now()
	if s := l.session(); s != nil && good(s.token, now, leastLeft) {
		if !good(s.token, now, renewBefore) {
			l.flight.Start(ctx)
		}
		return s.token, nil
	}
	held, err := l.flight.Do(ctx)
	switch {
	case err == nil:
		return held().token, nil
	case errors.Is(err, flights.ErrClosed):
		return nil, errClosed()
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return nil, &fault.Error{Class: secrets.ErrUnavailable, Msg: l.waiting(), Err: ctx.Err()}
	}
	return nil, err
}

func (l *login) asks(url string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = url
}

// waiting says what the attempt under way waits for.
func (l *login) waiting() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	msg := "while waiting for Google Cloud credentials"
	if l.asked != "" {
		msg += ": " + l.asked + " has not answered"
	}
	return msg
}

// good reports whether a token is of use for longer than left.
func good(t *auth.Token, now time.Time, left time.Duration) bool {
	return t != nil && (t.Expiry.IsZero() || t.Expiry.Sub(now) > left)
}

// session returns what is held, or nil.
func (l *login) session() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		return nil
	}
	return l.held()
}

// forget drops a session whose token the service has refused, so that the next
// attempt reads the credentials anew.
func (l *login) forget(refused *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil && l.held() == refused {
		l.held = nil
	}
}

// quotaProject and universeDomain are properties of the credentials; clients
// ask for them once there are some.
func (l *login) quotaProject(context.Context) (string, error) {
	if s := l.session(); s != nil {
		return s.quota, nil
	}
	return "", nil
}

func (l *login) universeDomain(context.Context) (string, error) {
	if s := l.session(); s != nil {
		return s.universe, nil
	}
	return "googleapis.com", nil
}

// close ends an attempt that is under way and waits for it.
func (l *login) close() { l.flight.Close() }
