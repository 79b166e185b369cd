package vault

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

type loginFlight struct {
	done chan struct{}
	tok  *token
	err  error
}

// failedLogin remembers a login that failed, so that callers in between are
// told at once and the server, or an account's lockout, is left alone.
type failedLogin struct {
	err   error
	until time.Time
	count int
	print [32]byte // of the credentials that were refused; others are tried at once
}

// login replaces old, unless somebody has already. All who ask at the same
// time wait for one login, each by its own context.
func (s *session) login(ctx context.Context, old *token) (*token, error) {
	print := fingerprint(s.method)
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, errClosed
	case s.cur != old:
		t := s.cur
		s.mu.Unlock()
		return t, nil
	}
	f := s.flight
	if f == nil {
		if err := s.failed.remembered(print); err != nil {
			s.mu.Unlock()
			return nil, err
		}
		f = &loginFlight{done: make(chan struct{})}
		s.flight = f
		s.wg.Add(1)
		go s.logIn(f, print)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.tok, f.err
	case <-ctx.Done():
		return nil, unavailable("the login at "+s.caller.host+" is still under way", context.Cause(ctx))
	}
}

// logIn is the login that the others wait for.
func (s *session) logIn(f *loginFlight, print [32]byte) {
	defer s.wg.Done()
	ctx, cancel := context.WithTimeout(s.ctx, loginTimeout)
	defer cancel()
	started := time.Now()
	tok, err := s.attempt(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	s.flight = nil
	switch {
	case err != nil && s.closed:
		f.err = errClosed
	case err != nil:
		s.failed.remember(err, print, s.method)
		f.err = s.failed.err
	default:
		s.failed = failedLogin{}
		tok.made = started
		s.replace(tok) // also after Close has begun, which then revokes it
		f.tok = tok
	}
}

// attempt logs in once.
func (s *session) attempt(ctx context.Context) (*token, error) {
	client := s.caller.as("")
	client.SetHeaders(client.Headers()) // a method may add headers: not to everybody's
	secret, err := callLogin(ctx, s.method, client)
	if err != nil {
		return nil, loginError(ctx, s.caller, s.method, err)
	}
	if secret == nil || secret.Auth == nil {
		return nil, unavailable("the login was answered without a token: is "+s.caller.host+" a Vault server, and not one that redirects?", nil)
	}
	if secret.Auth.ClientToken == "" {
		if secret.Auth.MFARequirement != nil {
			return nil, unauthenticated("the login asks for a second factor, which a program has not: exempt its role from MFA", nil)
		}
		return nil, unauthenticated("the login was answered without a token", nil)
	}
	t := &token{id: secret.Auth.ClientToken, ours: true, known: true, renewable: secret.Auth.Renewable}
	t.grant(time.Now(), time.Duration(secret.Auth.LeaseDuration)*time.Second)
	return t, nil
}

// callLogin calls Login. Methods that are not this package's may take as long
// as their SDK does, whatever the context says; one that does is left behind.
func callLogin(ctx context.Context, method api.AuthMethod, client *api.Client) (*api.Secret, error) {
	if own(method) {
		return method.Login(ctx, client)
	}
	type result struct {
		secret *api.Secret
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if recover() != nil { // what it panicked with may be anything
				done <- result{err: unavailable("the login method panicked", nil)}
			}
		}()
		secret, err := method.Login(ctx, client)
		done <- result{secret, err}
	}()
	select {
	case r := <-done:
		return r.secret, r.err
	case <-ctx.Done():
		return nil, unauthenticated("the "+methodName(method)+" login found no credentials in time, or no answer", context.Cause(ctx))
	}
}

// remembered returns the error of a failed login, as long as it is not to be
// tried again.
func (f *failedLogin) remembered(print [32]byte) error {
	if f.err == nil || f.print != print {
		return nil
	}
	left := time.Until(f.until)
	if left <= 0 {
		return nil
	}
	var e *fault.Error
	if errors.As(f.err, &e) {
		again := *e
		again.Retry = max(again.Retry, left)
		return &again
	}
	return f.err
}

// remember notes a failed login. The server's silence is forgotten soon, for
// the resolver spaces its reads; a refusal of these very credentials lasts,
// and for accounts that lock after a few wrong tries it lasts longer than the
// server counts (15 minutes by default).
func (f *failedLogin) remember(err error, print [32]byte, method api.AuthMethod) {
	if f.print != print {
		f.count = 0
	}
	f.err, f.print = err, print
	f.count++
	var wait time.Duration
	switch {
	case errors.Is(err, secrets.ErrUnavailable), errors.Is(err, secrets.ErrThrottled):
		wait = backoff(f.count, 100*time.Millisecond, 5*time.Second)
		var e *fault.Error
		if errors.As(err, &e) {
			wait = max(wait, e.Retry)
		}
	case locks(method) && f.count >= 3:
		wait = 16 * time.Minute
	default:
		wait = backoff(f.count, 10*time.Second, 30*time.Second)
	}
	f.until = time.Now().Add(wait)
}

// backoff is the wait after the n-th failure in a row: first, doubling, at
// most limit, a quarter more or less.
func backoff(n int, first, limit time.Duration) time.Duration {
	d := limit
	if n < 30 {
		d = min(limit, first<<(n-1))
	}
	return spread(d, 0.75, 1.25)
}
