package secrets

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"
)

// A subscription is somebody who is to be woken when a name changes.
type subscription struct {
	entry *entry
	woken chan struct{} // holds a token when there is something to see
}

func (s *subscription) signal() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// notify wakes the subscribers of a name. It is called with the lock held.
func (e *entry) notify() {
	for _, s := range e.subs {
		s.signal()
	}
}

// subscribe has the name refreshed, and its subscriber woken by changes, until
// unsubscribe.
func (r *Resolver) subscribe(name string) *subscription {
	return r.subscribeTo(name, make(chan struct{}, 1))
}

// subscribeTo is subscribe with a channel that several subscriptions share.
func (r *Resolver) subscribeTo(name string, woken chan struct{}) *subscription {
	r.mu.Lock()
	defer r.unlock()
	s := &subscription{woken: woken}
	if r.closed {
		return s
	}
	s.entry = r.names.find(name)
	if s.entry == nil {
		s.entry = &entry{name: name}
		r.names.add(s.entry)
		r.named++
	}
	s.entry.subs = append(s.entry.subs, s)
	if d := s.entry.doc; d != nil {
		d.pins++
		if d.idle {
			d.idle = false
			r.enqueue(d)
		}
	}
	r.subs[s] = struct{}{}
	return s
}

func (r *Resolver) unsubscribe(s *subscription) {
	r.mu.Lock()
	defer r.unlock()
	if _, ok := r.subs[s]; !ok {
		return
	}
	delete(r.subs, s)
	e := s.entry
	for i, other := range e.subs {
		if other == s {
			e.subs = append(e.subs[:i:i], e.subs[i+1:]...)
			break
		}
	}
	if e.doc != nil {
		e.doc.pins--
	} else if len(e.subs) == 0 {
		r.dropEntry(e)
	}
}

// Watch yields the secret of that name, or why there is none, and then each
// change of its bytes. A refresh that fails is no change ([Resolver.Status]
// tells it); a deletion is one, yields [ErrNotFound], and the watch goes on.
// Changes that follow each other faster than they are taken are one change, to
// the latest. The sequence ends with ctx, or when the resolver is closed. While it runs the
// name is in use, and kept fresh.
func (r *Resolver) Watch(ctx context.Context, name string) iter.Seq2[Secret, error] {
	return func(yield func(Secret, error) bool) {
		if r.err != nil {
			yield(Secret{}, r.err)
			return
		}
		if _, err := r.newTarget(name); err != nil {
			yield(Secret{}, &Error{Op: "watch", Name: name, Err: err})
			return
		}
		s := r.subscribe(name)
		defer r.unsubscribe(s)
		r.follow(ctx, s, name, Secret{}, yield)
	}
}

// follow yields the value of a name, unless it is last, and each change of it.
func (r *Resolver) follow(ctx context.Context, s *subscription, name string, last Secret, yield func(Secret, error) bool) {
	missing := false // told that there is none
	for failures := 0; ; {
		secret, err := r.Get(ctx, name)
		switch {
		case ctx.Err() != nil, errors.Is(err, ErrClosed):
			return
		case err == nil:
			failures = 0
			if last.IsZero() || !last.Equal(secret) {
				last, missing = secret, false
				if !yield(secret, nil) {
					return
				}
			}
		default:
			first := last.IsZero() && !missing
			if first || !last.IsZero() && errors.Is(err, ErrNotFound) {
				last, missing = Secret{}, true
				r.watchMissing(ctx, s, name)
				if !yield(Secret{}, err) {
					return
				}
			}
			failures++
		}
		if !s.wait(ctx, r, r.pollAfter(err, failures)) {
			return
		}
	}
}

// pollAfter returns when to ask again for a name that there is no value of; 0:
// the refresher sees to it.
func (r *Resolver) pollAfter(err error, failures int) time.Duration {
	switch {
	case err == nil && r.onDemand, errors.Is(err, ErrNotFound), err == nil && r.ttl == 0:
		d := max(r.ttl, r.negativeTTL)
		return d*4/5 + time.Duration(rand.Int64N(int64(d/5)+1))
	case err == nil:
		return 0
	}
	return backoffBase/2 + time.Duration(fullJitter(backoffBase, backoffMost, failures-1))
}

// wait waits for a signal, for at most d unless that is 0. It reports false
// when the context or the resolver has ended.
func (s *subscription) wait(ctx context.Context, r *Resolver, d time.Duration) bool {
	var late <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-r.ctx.Done():
		return false
	case <-s.woken:
	case <-late:
	}
	return true
}

// watchDocument has a provider that can tell of changes tell of those of d. It
// is called with the lock held, after d was read.
func (r *Resolver) watchDocument(d *document) {
	w, ok := d.folder.provider.opened.(WatchProvider)
	if !ok || r.onDemand || r.closed || d.unwatch != nil || d.dropped {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	d.unwatch = cancel
	ref := d.ref()
	r.spawn(func() {
		err := guard(func() error { return w.Watch(ctx, ref, func() { r.changed(d) }) })
		switch {
		case err == nil:
			r.changed(d) // it may have, between the read and the watch
		case !errors.Is(err, errors.ErrUnsupported):
			r.mu.Lock()
			defer r.unlock()
			cancel()
			d.unwatch = nil // the next read tries again
		}
	})
}

// changed is a provider's word that d may have changed.
func (r *Resolver) changed(d *document) {
	r.mu.Lock()
	defer r.unlock()
	if r.closed || d.dropped {
		return
	}
	if d.flight != nil {
		d.again = true // that read may have seen what was there before
		return
	}
	r.readSoon(d)
}

// readSoon makes d due.
func (r *Resolver) readSoon(d *document) {
	d.next = r.now()
	if !d.idle {
		r.enqueue(d)
	}
}

// watchMissing has the subscriber woken when a provider that can tell notices
// that a missing name may be there.
func (r *Resolver) watchMissing(ctx context.Context, s *subscription, name string) {
	t, err := r.newTarget(name)
	if err != nil || r.onDemand {
		return
	}
	for _, site := range t.sites {
		r.mu.Lock()
		w, ok := site.folder.provider.opened.(WatchProvider)
		r.unlock()
		if !ok {
			continue
		}
		exact, parent := t.tries(site)
		for _, at := range []*try{exact, parent} {
			if at != nil {
				_ = guard(func() error { return w.Watch(ctx, site.folder.ref(at.path), s.signal) })
			}
		}
	}
}
