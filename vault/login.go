package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/login"
	"github.com/go-secrets/secrets/internal/policy"
)

// login replaces old, unless somebody has already. All who ask at the same
// time wait for one login, each by its own context; it goes on without them.
func (s *session) login(ctx context.Context, old *token) (*token, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	if t := s.cur; t != old {
		s.mu.Unlock()
		return t, nil
	}
	s.unwanted = old
	s.mu.Unlock()
	t, err := s.logins.Do(ctx)
	var classed *fault.Error
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, login.ErrClosed), s.isClosed():
		return nil, errClosed
	case errors.As(err, &classed):
		return nil, err
	case ctx.Err() != nil:
		return nil, unavailable("the login at "+s.caller.host+" is still under way", context.Cause(ctx))
	}
	return nil, unavailable("the login failed", err)
}

// attempt is the login that the others wait for.
func (s *session) attempt(ctx context.Context) (*token, error) {
	s.mu.Lock()
	t, unwanted := s.cur, s.unwanted
	s.mu.Unlock()
	if t != unwanted { // a login that ended in between has replaced it
		return t, nil
	}
	t, err := s.logIn(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replace(t) // also after Close has begun, which then revokes it
	return t, nil
}

// logIn logs in once.
func (s *session) logIn(ctx context.Context) (*token, error) {
	started := time.Now()
	uses := 0
	client := s.caller.as("").WithResponseCallbacks(func(r *api.Response) { uses = usesOf(r) })
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
	if checkToken(secret.Auth.ClientToken) != nil {
		return nil, unavailable("the login was answered with a token that has a line break or another character in it that no token has: is "+s.caller.host+" a Vault server?", nil)
	}
	t := &token{id: hidden(secret.Auth.ClientToken), ours: true, known: true, renewable: secret.Auth.Renewable, made: started, limited: uses > 0, granted: uses, uses: uses}
	if t.limited { // each renewal would spend one
		t.renewable = false
	}
	t.grant(time.Now(), time.Duration(secret.Auth.LeaseDuration)*time.Second)
	return t, nil
}

// usesOf is for how many requests the token of a login is good; 0: for any
// number. vault/api does not tell.
func usesOf(r *api.Response) int {
	if r == nil || r.Response == nil || r.Body == nil {
		return 0
	}
	body, err := io.ReadAll(r.Body) // which has a bound
	rest := io.Reader(bytes.NewReader(body))
	if err != nil { // is told to whoever reads on
		rest = io.MultiReader(rest, r.Body)
	} else {
		_ = r.Body.Close()
	}
	r.Body = io.NopCloser(rest)
	var said struct {
		Auth struct {
			Uses int `json:"num_uses"`
		} `json:"auth"`
	}
	if json.Unmarshal(body, &said) != nil {
		return 0
	}
	return max(said.Auth.Uses, 0)
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
		ended := false
		defer func() {
			if recover() != nil || !ended { // what it panicked with may be anything
				done <- result{err: unavailable("the login method panicked", nil)}
			}
		}()
		secret, err := method.Login(ctx, client)
		ended = true
		done <- result{secret, err}
	}()
	select {
	case r := <-done:
		return r.secret, r.err
	case <-ctx.Done():
		return nil, unavailable("the "+methodName(method)+" login found no credentials in time, or no answer", context.Cause(ctx))
	}
}

// untilItChanges is how long a credential that Vault knows to be wrong is not
// sent again: a fleet that goes on with it locks the role or the user, for
// those with a good one too.
const untilItChanges = 100 * 365 * 24 * time.Hour

// lockout is longer than Vault counts wrong credentials (15 minutes by
// default), for methods of which it is not known whether they have another.
const lockout = 16 * time.Minute

// remember says for how long a failed login is told without another.
func (s *session) remember(err error, n int) time.Duration {
	var wrong *wrongCredential
	if errors.As(err, &wrong) {
		if _, ok := s.method.(credentials); ok {
			return untilItChanges
		}
		if n >= 3 {
			return lockout
		}
	}
	var e *fault.Error
	if errors.As(err, &e) {
		return policy.Memory(n, e.Retry)
	}
	return policy.Memory(n, 0)
}

// backoff is the wait after the n-th failure in a row: first, doubling, at
// most limit, a quarter more or less.
func backoff(n int, first, limit time.Duration) time.Duration {
	return spread(policy.Doubling(n, first, limit), 0.75, 1.25)
}

// rememberUnwrap is remember for a wrapped token.
func rememberUnwrap(err error, n int) time.Duration {
	var wrong *wrongCredential
	if errors.As(err, &wrong) {
		return untilItChanges
	}
	return policy.Memory(n, 0)
}
