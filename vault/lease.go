package vault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-secrets/secrets"
)

// A lease is what a Value carries of a secret that the server takes back.
type lease struct {
	id        string
	token     *token        // it ends with this one, whatever its own time
	ttl       time.Duration // as first granted
	end       time.Time     // its own end
	due       time.Time     // when to renew it
	renewable bool
}

// leased completes a value with its lease.
func (p *provider) leased(ctx context.Context, v *secrets.Value, r *reply, a *answer, t *token, asked time.Time) {
	ttl := time.Duration(r.LeaseDuration) * time.Second
	if ttl <= 0 && p.session.agent() { // it never ends by itself
		v.Lease = &lease{id: r.LeaseID, token: t}
		return
	}
	if p.session.agent() {
		// The agent answers from its cache with the first duration, and keeps
		// the lease alive itself: what has passed since is in the Age header.
		// An agent that still has it after two thirds has renewed it.
		left := max(ttl-a.age(), ttl/3)
		l := &lease{token: t, ttl: ttl, end: asked.Add(left), due: asked.Add(spread(left, 0.62, 0.70))}
		v.Lease, v.Expires, v.RefreshAt = l, l.end, l.due
		return
	}
	p.session.leases(t)
	p.session.ensureKnown(ctx, t)
	l := &lease{id: r.LeaseID, token: t, ttl: ttl, renewable: r.Renewable}
	if ttl > 0 { // else it ends with its token alone
		l.granted(asked, ttl)
	}
	p.bound(v, l)
}

func (l *lease) granted(now time.Time, ttl time.Duration) {
	l.end = now.Add(ttl)
	l.due = now.Add(spread(ttl, 0.62, 0.70))
}

// bound sets a value's times: the lease ends with its token, so that the
// earlier of the two ends counts, and the value is looked at again before
// either, early enough for two credentials to overlap.
func (p *provider) bound(v *secrets.Value, l *lease) {
	v.Lease, v.Expires, v.RefreshAt = l, l.end, l.due
	end := p.session.end(l.token)
	if end.IsZero() || !l.end.IsZero() && !end.Before(l.end) {
		return
	}
	v.Expires = end
	// By then the token has been renewed, which moves its end, or replaced,
	// which means to read again.
	if look := lookBefore(end); l.due.IsZero() || look.Before(l.due) {
		v.RefreshAt = look
	}
}

// lookBefore draws when to look at what ends with its token.
func lookBefore(end time.Time) time.Time {
	now := time.Now()
	return now.Add(max(spread(end.Sub(now), 0.78, 0.84), minLook))
}

// minLook keeps looks apart while a token is not renewed and draws to its end.
const minLook = 500 * time.Millisecond

// Renew prolongs the lease of v. It returns [errors.ErrUnsupported], which
// means to read again, if the lease cannot be renewed, or the server grants
// less than it did at first because the greatest age is near (the rest of the
// lease is for the old credentials to be phased out), or the token that it was
// made under has been replaced and will lapse.
func (p *Provider) Renew(ctx context.Context, v secrets.Value) (secrets.Value, error) {
	err := p.in().renew(ctx, &v)
	return v, err
}

func (p *provider) renew(ctx context.Context, v *secrets.Value) error {
	if p.err != nil {
		return p.err
	}
	held, ok := v.Lease.(*lease)
	if !ok || !p.session.current(held.token) {
		return errors.ErrUnsupported
	}
	if p.session.source != nil { // which may have changed
		if _, err := p.session.token(ctx, 1); err != nil {
			return err
		}
	}
	if !p.session.lives(held.token) {
		return errors.ErrUnsupported
	}
	l := *held
	if l.due.IsZero() || time.Now().Before(l.due) { // looked at because of its token only
		p.bound(v, &l)
		return nil
	}
	if !held.renewable || !p.session.spare(held.token) {
		return errors.ErrUnsupported
	}
	asked := time.Now()
	a, err := p.caller.put(ctx, l.token.id(), "sys/leases/renew", map[string]any{
		"lease_id": l.id, "increment": int64(l.ttl / time.Second),
	})
	switch {
	case err != nil:
		return err
	case a.transient():
		return refusal(a)
	case a.status != http.StatusOK:
		// Not found, not renewable, no policy for it, a token that is gone:
		// whichever it is, new credentials are the answer.
		return errors.ErrUnsupported
	}
	var granted reply
	if err := p.parse(a, &granted); err != nil {
		return err
	}
	ttl := time.Duration(granted.LeaseDuration) * time.Second
	if ttl < l.ttl*9/10 {
		return errors.ErrUnsupported
	}
	l.renewable = granted.Renewable
	l.granted(asked, ttl)
	p.bound(v, &l)
	return nil
}

// Revoke ends the lease of v. A token seldom has the right to (the default
// policy lacks it); a lease made under a token of ours then ends with the
// token, when the provider is closed.
func (p *Provider) Revoke(ctx context.Context, v secrets.Value) error {
	return p.in().revoke(ctx, v)
}

func (p *provider) revoke(ctx context.Context, v secrets.Value) error {
	if p.err != nil {
		return p.err
	}
	l, ok := v.Lease.(*lease)
	if !ok || l.id == "" {
		return nil
	}
	a, err := p.caller.put(ctx, l.token.id(), "sys/leases/revoke", map[string]any{"lease_id": l.id, "sync": true})
	switch {
	case err != nil:
		return err
	case a.status < 300:
		return nil
	case a.status == http.StatusForbidden && l.token.ours:
		return nil
	case a.status == http.StatusBadRequest: // the lease has ended
		return nil
	}
	return refusal(a)
}
