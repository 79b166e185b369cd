package secrets

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/policy"
)

// A subscription is somebody who is to be woken when a name changes.
type subscription struct {
	entry    *entry
	woken    chan struct{} // holds a token when there is something to see
	optional bool          // that there is no such name is fine
	wakes    policy.Pace   // of its subscriber
}

func (s *subscription) signal() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// notify wakes the subscribers of a name. The lock is held.
func (r *Resolver) notify(e *entry) {
	for _, s := range r.subs[e] {
		s.signal()
	}
}

// subscribe keeps the name in use, and has its subscriber woken by changes,
// until unsubscribe. What was idle is due again from the next Get, which waits
// for its read.
func (r *Resolver) subscribe(name string, optional bool) *subscription {
	return r.subscribeTo(name, optional, make(chan struct{}, 1))
}

// subscribeTo is subscribe with a channel that several subscriptions share.
func (r *Resolver) subscribeTo(name string, optional bool, woken chan struct{}) *subscription {
	tx := r.cache.Lock()
	defer tx.Unlock()
	s := &subscription{woken: woken, optional: optional}
	if tx.Closed() {
		return s
	}
	s.entry = r.names.find(name)
	if s.entry == nil {
		s.entry = r.addEntry(tx, name)
	}
	r.subs[s.entry] = append(r.subs[s.entry], s)
	return s
}

func (r *Resolver) unsubscribe(s *subscription) {
	tx := r.cache.Lock()
	defer tx.Unlock()
	e := s.entry
	for i, other := range r.subs[e] {
		if other != s {
			continue
		}
		if left := append(r.subs[e][:i:i], r.subs[e][i+1:]...); len(left) > 0 {
			r.subs[e] = left
			return
		}
		delete(r.subs, e)
		if e.doc == nil || !tx.Closed() && !r.mayKeep(tx, e) {
			r.dropEntry(tx, e)
		}
		return
	}
}

// Watch yields the secret of that name, or why there is none, and then each
// change of its bytes. A refresh that fails is no change ([Resolver.Status]
// tells it); a deletion is one, yields [ErrNotFound], and the watch goes on.
// Changes that follow each other faster than they are taken are one change, to
// the latest. The sequence ends with ctx, or when the resolver is closed. While
// it runs the name is in use, and kept fresh.
func (r *Resolver) Watch(ctx context.Context, name string) iter.Seq2[Secret, error] {
	return func(yield func(Secret, error) bool) {
		if r.err != nil {
			yield(Secret{}, r.err)
			return
		}
		if _, err := r.newTarget(name); err != nil {
			yield(Secret{}, &Error{Op: "watch", Name: brief(name), Err: err})
			return
		}
		s := r.subscribe(name, false)
		defer r.unsubscribe(s)
		r.follow(ctx, s, name, Secret{}, false, yield)
	}
}

// follow yields the value of a name, unless it is last, and each change of it.
// With all, that there is no value to be had is a change whatever the reason.
func (r *Resolver) follow(ctx context.Context, s *subscription, name string, last Secret, all bool, yield func(Secret, error) bool) {
	told := !last.IsZero()           // yielded something
	var unwatch context.CancelFunc   // ends the watch for a missing name
	defer func() { stop(unwatch) }() // whichever it is by then
	woken := false
	for failures := 0; ; {
		secret, err := r.lookAt(ctx, name, told)
		if woken && unwatch != nil && errors.Is(err, ErrNotFound) {
			secret, err = r.Refresh(ctx, name) // it may have come since that was remembered
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrClosed):
			if !told {
				yield(Secret{}, err)
			}
			return
		case err == nil:
			failures = 0
			stop(unwatch)
			unwatch = nil
			if last.IsZero() || !last.Equal(secret) {
				last, told = secret, true
				if !yield(secret, nil) {
					return
				}
			}
		default:
			failures++
			missing := errors.Is(err, ErrNotFound)
			if missing && unwatch == nil {
				unwatch = r.watchMissing(name, s.signal)
			}
			if !told || !last.IsZero() && (missing || all) {
				last, told = Secret{}, true
				if !yield(Secret{}, err) {
					return
				}
			}
		}
		var ok bool
		if woken, ok = s.wait(ctx, r, r.pollAfter(s, name, err, failures)); !ok {
			return
		}
	}
}

// lookAt is Get for a follower. Who has been told something looks again by
// themselves, and has nothing tried again meanwhile.
func (r *Resolver) lookAt(ctx context.Context, name string, told bool) (Secret, error) {
	effort := once
	if !told {
		effort = untilTimeout
	}
	return r.get(ctx, name, effort, true)
}

func stop(cancel context.CancelFunc) {
	if cancel != nil {
		cancel()
	}
}

// soonest is the least time between two looks of a subscriber.
const soonest = 100 * time.Millisecond

// pollAfter returns when to ask for a name again; 0: the refresher sees to it.
func (r *Resolver) pollAfter(s *subscription, name string, err error, failures int) time.Duration {
	tx := r.cache.Lock()
	defer tx.Unlock()
	switch {
	case errors.Is(err, ErrNotFound):
		ttl := r.ttl
		if t, err := r.newTarget(name); err == nil {
			for _, site := range t.sites {
				if site.ttl > 0 {
					ttl = min(ttl, site.ttl)
				}
			}
		}
		return max(policy.Part(ttl, policy.Spread()), r.negativeTTL, soonest)
	case err != nil:
		return time.Second/2 + policy.Refresh(failures, 0)
	}
	d := s.entry.doc
	switch {
	case d == nil || !tx.Kept(d):
		return max(r.negativeTTL, soonest)
	case s.entry.behind(tx):
		return max(time.Duration(r.cache.End(s.entry.from())-tx.Now()), soonest)
	case !r.onDemand:
		return 0
	}
	return max(tx.NextUse(d), soonest)
}

// wait waits for a signal, for at most d unless that is 0. It reports whether
// there was one; ok is false when the context or the resolver has ended.
func (s *subscription) wait(ctx context.Context, r *Resolver, d time.Duration) (woken, ok bool) {
	var late <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-ctx.Done():
		return false, false
	case <-r.cache.Context().Done():
		return false, false
	case <-s.woken:
		now := r.cache.Now()
		return true, pause(ctx, r, time.Duration(s.wakes.Next(now)-now))
	case <-late:
		return false, true
	}
}

// pause reports whether the context and the resolver have lasted for d.
func pause(ctx context.Context, r *Resolver, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-r.cache.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}

// watchMissing has signal called when a provider that can tell notices
// that a missing name may be there, until the returned func is called.
func (r *Resolver) watchMissing(name string, signal func()) context.CancelFunc {
	ctx, cancel := context.WithCancel(r.cache.Context())
	tx := r.cache.Lock()
	defer tx.Unlock()
	t, err := r.newTarget(name)
	if err != nil || r.onDemand || tx.Closed() {
		return cancel
	}
	var places []cache.Place
	for i, site := range t.sites {
		if !site.folder.provider.Watches() {
			continue
		}
		c := t.candidate(i)
		for _, at := range []*place{c.exact, c.parent} {
			if at != nil {
				places = append(places, cache.Place{Space: site.folder.space, Path: at.path})
			}
		}
	}
	if len(places) > 0 {
		r.cache.Go(func() {
			watched := false
			for _, at := range places {
				watched = at.Space.Owner.(*folder).provider.Watch(ctx, at, signal).Calls || watched
			}
			if watched {
				signal() // it may have come between the read and the watch
			}
		})
	}
	return cancel
}
