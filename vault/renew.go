package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/attempt"
	"github.com/go-secrets/secrets/internal/fault"
)

// The loop waits after the n-th failure in a row. A short-lived token gets
// shorter waits: a sixtieth of its time at first. What it sends nobody waits
// for, so that a slow server has all the time that a token's end leaves.
const (
	renewBackoffLimit = 30 * time.Second
	renewTimeout      = 30 * time.Second
	shortestGrant     = 2 * time.Second // below which a token is left to end
)

// run keeps the current token alive until the session is closed: vault/api's
// LifetimeWatcher does not back off while renewals fail, and ends without an
// error at the greatest age.
func (s *session) run() {
	defer s.wg.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.mu.Lock()
		t := s.cur
		var at time.Time
		if t != nil {
			at = t.next
		}
		s.mu.Unlock()

		var due <-chan time.Time
		if !at.IsZero() {
			timer.Reset(time.Until(at))
			due = timer.C
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-due:
			s.step(t)
		}
	}
}

// step does what is due for t: a lookup, a renewal, or a login. However it
// ends, t has a new plan.
func (s *session) step(t *token) {
	s.mu.Lock()
	replaced, known, renewable, expires := s.cur != t, t.known, t.renewable, t.expires
	s.mu.Unlock()
	switch {
	case replaced:
	case known && !expires.IsZero() && !time.Now().Before(expires):
		// It lapsed while the server could not be reached. The next read logs
		// in; nobody is served by more tries before that.
		s.plan(t, func() { t.next = time.Time{} })
	case !known:
		s.lookup(t)
	case renewable:
		s.prolong(t)
	default:
		ctx, cancel := context.WithTimeout(s.ctx, renewTimeout)
		defer cancel()
		if _, err := s.login(ctx, t); err != nil {
			s.failedStep(t)
		}
	}
}

func (s *session) plan(t *token, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// failedStep plans the next try.
func (s *session) failedStep(t *token) {
	s.plan(t, func() {
		t.fails++
		first := min(max(t.ttl/60, 250*time.Millisecond), 5*time.Second)
		t.next = time.Now().Add(backoff(t.fails, first, renewBackoffLimit))
	})
}

// prolong renews the token. A grant that falls short of the first one says
// that the greatest age is near, or that the period of the token's role was
// made shorter. A token of ours is replaced at once then, while leased secrets
// have the rest of its time to be read again. Another one is renewed again as
// long as the grants are worth it: with a shorter period for good.
func (s *session) prolong(t *token) {
	ctx, cancel := context.WithTimeout(s.ctx, renewTimeout)
	defer cancel()
	a, err := attempt.Twice(ctx, func(ctx context.Context) (*answer, error) { // renewing twice does no harm
		return s.caller.put(ctx, t.id(), "auth/token/renew-self", struct{}{})
	})
	switch {
	case err != nil, a.transient():
		s.failedStep(t)
		return
	case a.status != http.StatusOK:
		// Refused for good: revoked, no policy for renewals, a batch token.
		s.plan(t, func() { t.renewable = false; t.giveUp() })
		return
	}
	var renewed struct {
		Auth *struct {
			LeaseDuration int64 `json:"lease_duration"`
			Renewable     bool  `json:"renewable"`
		} `json:"auth"`
	}
	if json.Unmarshal(a.body, &renewed) != nil || renewed.Auth == nil {
		s.failedStep(t)
		return
	}
	ttl := time.Duration(renewed.Auth.LeaseDuration) * time.Second
	s.plan(t, func() {
		t.renewable = renewed.Auth.Renewable
		t.grant(time.Now(), ttl)
		switch capped := ttl > 0 && ttl < t.ttl*9/10; {
		case capped && (t.ours || ttl < shortestGrant):
			t.renewable = false
			t.giveUp()
		case capped:
			t.ttl = ttl
		}
	})
}

// giveUp plans what comes after the last renewal. The lock is held.
func (t *token) giveUp() {
	t.next = time.Time{}
	if t.ours {
		t.next = time.Now()
	}
}

// lookup learns how long a token that came from elsewhere lives. A token
// without the right to look itself up (no default policy) is used as it is.
func (s *session) lookup(t *token) {
	ctx, cancel := context.WithTimeout(s.ctx, renewTimeout)
	defer cancel()
	s.lookupNow(ctx, t)
}

func (s *session) lookupNow(ctx context.Context, t *token) {
	a, err := s.caller.get(ctx, t.id(), "auth/token/lookup-self", nil)
	if err != nil || a.transient() {
		s.failedStep(t)
		return
	}
	var self struct {
		Data struct {
			TTL       int64 `json:"ttl"`
			Renewable bool  `json:"renewable"`
			NumUses   int   `json:"num_uses"`
			Created   int64 `json:"creation_ttl"`
			Period    int64 `json:"period"`
		} `json:"data"`
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &self) != nil {
		s.plan(t, func() { t.known, t.next = true, time.Time{} })
		return
	}
	s.plan(t, func() {
		t.known = true
		// Each renewal would spend one of a limited number of uses.
		t.renewable = self.Data.Renewable && self.Data.NumUses == 0
		t.grant(time.Now(), time.Duration(self.Data.TTL)*time.Second)
		if whole := time.Duration(self.Data.Created) * time.Second; self.Data.TTL > 0 && whole > 0 {
			t.ttl = whole
		}
	})
}

// ensureKnown looks a token up whose end is needed now, because a lease ends
// with it.
func (s *session) ensureKnown(ctx context.Context, t *token) {
	s.mu.Lock()
	known := t.known || s.source == nil || t.fails > 0
	s.mu.Unlock()
	if !known {
		s.lookupNow(ctx, t)
		s.mu.Lock()
		s.poke()
		s.mu.Unlock()
	}
}

// revoke ends tokens, all at once and by the context's deadline. A token whose
// policies do not let it revoke itself lapses by itself.
func (s *session) revoke(ctx context.Context, ids []string) error {
	var wg sync.WaitGroup
	errs := make([]error, len(ids))
	for i, id := range ids {
		wg.Go(func() {
			a, err := s.caller.put(ctx, id, "auth/token/revoke-self", struct{}{})
			if err == nil && a.status >= 400 && a.status != http.StatusForbidden {
				err = refusal(a)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return notRevoked(err)
		}
	}
	return nil
}

// notRevoked is of one class, whatever the class of the failure was: that the
// server refuses it makes the caller's Close neither invalid nor not found.
func notRevoked(err error) error {
	const msg = "the token could not be revoked, and ends by itself"
	var f *fault.Error
	if errors.As(err, &f) {
		return &fault.Error{Class: secrets.ErrUnavailable, Msg: msg + ": " + f.Msg, Err: f.Err, Quiet: f.Quiet, Retry: f.Retry}
	}
	return unavailable(msg, err)
}
