package secrets

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/policy"
)

// A subscription wakes a follower (a Watch or Bind) when a name changes.
type subscription struct {
	entry    *entry
	woken    chan struct{} // holds a token when the name has changed
	optional bool          // the name may be missing
	wakes    policy.Pace   // of its follower
}

func (s *subscription) signal() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// notify wakes the followers of a name. The lock is held.
func (n *names) notify(e *entry) {
	for _, s := range n.subs[e] {
		s.signal()
	}
}

// subscribe returns a subscription. Until unsubscribe, the name is in use and its
// changes wake the follower. If its document was idle, the next Get reads it, and
// waits for that.
func (n *names) subscribe(name string, optional bool) *subscription {
	return n.subscribeTo(name, optional, make(chan struct{}, 1))
}

// subscribeTo is subscribe with a channel that several subscriptions share.
func (n *names) subscribeTo(name string, optional bool, woken chan struct{}) *subscription {
	tx := n.cache.Lock()
	defer tx.Unlock()
	s := &subscription{woken: woken, optional: optional}
	if tx.Closed() {
		return s
	}
	s.entry = n.index.find(name)
	if s.entry == nil {
		s.entry = n.addEntry(tx, name)
	}
	n.subs[s.entry] = append(n.subs[s.entry], s)
	return s
}

func (n *names) unsubscribe(s *subscription) {
	tx := n.cache.Lock()
	defer tx.Unlock()
	e := s.entry
	for i, other := range n.subs[e] {
		if other != s {
			continue
		}
		if left := append(n.subs[e][:i:i], n.subs[e][i+1:]...); len(left) > 0 {
			n.subs[e] = left
			return
		}
		delete(n.subs, e)
		if e.doc == nil || !tx.Closed() && !n.mayKeep(tx, e) {
			n.dropEntry(tx, e)
		}
		return
	}
}

// Watch yields the secret of that name, or an error if there is none, and then each
// change of its bytes. A refresh that fails is no change ([Resolver.Status] shows
// it). A deletion is a change: it yields [ErrNotFound], and the watch goes on. If
// changes come faster than the caller takes them, Watch yields only the latest. The
// sequence ends with ctx, or when the resolver is closed. While it runs the name is
// in use, and kept fresh.
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

// follow yields the value of a name, unless it is last, and each change of it. all:
// any error that leaves the follower without a value is a change, and not only a
// deletion.
func (r *Resolver) follow(ctx context.Context, s *subscription, name string, last Secret, all bool, yield func(Secret, error) bool) {
	yielded := !last.IsZero()        // the follower has a value or an error
	var unwatch context.CancelFunc   // ends the watch for a missing name
	defer func() { stop(unwatch) }() // the one of that moment
	woken := false
	for failures := 0; ; {
		secret, err := r.lookAt(ctx, name, yielded)
		if woken && unwatch != nil && errors.Is(err, ErrNotFound) {
			secret, err = r.Refresh(ctx, name) // it may be there by now, and only remembered as missing
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrClosed):
			if !yielded {
				yield(Secret{}, err)
			}
			return
		case err == nil:
			failures = 0
			stop(unwatch)
			unwatch = nil
			if last.IsZero() || !last.Equal(secret) {
				last, yielded = secret, true
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
			if !yielded || !last.IsZero() && (missing || all) {
				last, yielded = Secret{}, true
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

// lookAt is Get for a follower. A follower asks again by itself, so once it has a
// value or an error, a failed read is not tried again.
func (n *names) lookAt(ctx context.Context, name string, yielded bool) (Secret, error) {
	effort := once
	if !yielded {
		effort = untilTimeout
	}
	return n.get(ctx, name, effort, true)
}

func stop(cancel context.CancelFunc) {
	if cancel != nil {
		cancel()
	}
}

// leastPoll is the least time between two polls of a follower.
const leastPoll = 100 * time.Millisecond

// pollAfter returns after what time to ask for a name again; 0: the refresher reads
// it.
func (n *names) pollAfter(s *subscription, name string, err error, failures int) time.Duration {
	tx := n.cache.Lock()
	defer tx.Unlock()
	switch {
	case errors.Is(err, ErrNotFound):
		ttl := n.ttl
		if t, err := n.newTarget(name); err == nil {
			for _, site := range t.sites {
				if site.ttl > 0 {
					ttl = min(ttl, site.ttl)
				}
			}
		}
		return max(policy.Part(ttl, policy.Spread()), n.negativeTTL, leastPoll)
	case err != nil:
		return time.Second/2 + policy.Refresh(failures, 0)
	}
	d := s.entry.doc
	switch {
	case d == nil || !tx.Kept(d):
		return max(n.negativeTTL, leastPoll)
	case s.entry.behind(tx):
		return max(time.Duration(n.cache.End(s.entry.version())-tx.Now()), leastPoll)
	case !n.onDemand:
		return 0
	}
	return max(tx.NextUse(d), leastPoll)
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

// pause waits for d. It reports false if the context or the resolver ended first.
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

// watchMissing watches the places where a missing name may appear, and calls signal
// when it may be there. The returned func ends that.
func (n *names) watchMissing(name string, signal func()) context.CancelFunc {
	ctx, cancel := context.WithCancel(n.cache.Context())
	tx := n.cache.Lock()
	defer tx.Unlock()
	t, err := n.newTarget(name)
	if err != nil || n.onDemand || tx.Closed() {
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
		n.cache.Go(func() {
			watched := false
			for _, at := range places {
				watched = at.Space.Owner.(*folder).provider.Watch(ctx, at, signal).Calls || watched
			}
			if watched {
				signal() // it may have appeared between the read and the watch
			}
		})
	}
	return cancel
}
