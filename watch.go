package secrets

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A subscription is somebody who is to be woken when a name changes.
type subscription struct {
	entry    *entry
	woken    chan struct{} // holds a token when there is something to see
	optional bool          // that there is no such name is fine
	wakes    pace          // of its subscriber
}

func (s *subscription) signal() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// notify wakes the subscribers of a name. It is called with the lock held.
//
//go:noinline
func (r *Resolver) notify(e *entry) {
	for _, s := range r.subs[e] {
		s.signal()
	}
}

// pinned reports whether somebody follows a name of the document, which is
// then in use whether it is asked for or not.
func (r *Resolver) pinned(d *document) bool {
	for e := d.entries; e != nil; e = e.sibling {
		if len(r.subs[e]) > 0 {
			return true
		}
	}
	return false
}

// subscribe keeps the name in use, and has its subscriber woken by changes,
// until unsubscribe. What was idle is due again from the next Get, which waits
// for its read.
func (r *Resolver) subscribe(name string, optional bool) *subscription {
	return r.subscribeTo(name, optional, make(chan struct{}, 1))
}

// subscribeTo is subscribe with a channel that several subscriptions share.
func (r *Resolver) subscribeTo(name string, optional bool, woken chan struct{}) *subscription {
	r.lock()
	defer r.unlock()
	s := &subscription{woken: woken, optional: optional}
	if r.closed {
		return s
	}
	s.entry = r.names.find(name)
	if s.entry == nil {
		s.entry = &entry{name: name}
		r.names.add(s.entry)
		r.named++
	}
	r.subs[s.entry] = append(r.subs[s.entry], s)
	return s
}

func (r *Resolver) unsubscribe(s *subscription) {
	r.lock()
	defer r.unlock()
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
		if e.doc == nil || !r.closed && !r.mayKeep(e) {
			r.dropEntry(e)
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
	tries := once
	if !told {
		tries = untilTimeout
	}
	return r.get(ctx, name, tries, true)
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
	r.lock()
	defer r.unlock()
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
	case d == nil || d.ttl == 0 && !d.leased():
		return max(r.negativeTTL, soonest)
	case s.entry.behind():
		return max(time.Duration(r.outlives(s.entry)-r.now()), soonest)
	case !r.onDemand:
		return 0
	}
	next := d.next
	if d.trouble != nil {
		next = max(next, d.trouble.retry)
	}
	return max(time.Duration(next-r.now()), soonest)
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
	case <-r.ctx.Done():
		return false, false
	case <-s.woken:
		now := r.now()
		return true, pause(ctx, r, time.Duration(s.wakes.next(now)-now))
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
	case <-r.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// watchDocument has a provider that can tell of changes tell of those of d. It
// is called with the lock held, after d was read.
func (r *Resolver) watchDocument(d *document) {
	w, ok := d.folder.provider.given().(WatchProvider)
	if !ok || r.onDemand || r.closed || d.dropped {
		return
	}
	at := r.watches[d]
	switch {
	case at == nil:
		at = &watching{}
		r.watches[d] = at
	case at.end != nil:
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	at.end = cancel
	r.spawn(func() {
		err := guard(func() error { return w.Watch(ctx, d.ref(), func() { r.changed(d) }) })
		unsupported := errors.Is(err, errors.ErrUnsupported)
		if callsBack(err) {
			r.changed(d) // it may have, between the read and the watch
		} else if !unsupported {
			cancel()
		}
		r.lock()
		defer r.unlock()
		at.err = nil
		if !unsupported {
			at.err = err
		}
		if ctx.Err() != nil {
			at.end = nil // the next read tries again
		}
	})
}

// A watching is a provider's watch of a document.
type watching struct {
	end context.CancelFunc // nil: it failed, and the next read tries again
	err error              // why the provider notices no changes; nil: it does, or it never can
}

// callsBack reports whether a provider that answered Watch so tells of changes:
// it watches, or it reads the document by itself every so often.
func callsBack(err error) (yes bool) {
	safely(func() {
		var polling interface{ PollsEvery() time.Duration }
		yes = err == nil || errors.As(err, &polling) && polling.PollsEvery() > 0
	})
	return yes
}

// changed is a provider's word that d may have changed.
func (r *Resolver) changed(d *document) {
	r.lock()
	defer r.unlock()
	if r.closed || d.dropped {
		return
	}
	if d.ttl == 0 && !d.leased() {
		for e := d.entries; e != nil; e = e.sibling {
			r.notify(e) // nothing is kept: it is for them to read
		}
		return
	}
	if d.flight != nil {
		d.again = true // that read may have seen what was there before
		return
	}
	r.readSoon(d)
}

// readSoon makes d due: now, unless that has been so often of late.
func (r *Resolver) readSoon(d *document) {
	if d.soon {
		return
	}
	d.soon = true
	now := r.now()
	if at := d.changes.next(now); at == now || at < d.next {
		d.next = at
	}
	if !d.idle {
		r.enqueue(d)
	}
}

// watchMissing has signal called when a provider that can tell notices
// that a missing name may be there, until the returned func is called.
func (r *Resolver) watchMissing(name string, signal func()) context.CancelFunc {
	ctx, cancel := context.WithCancel(r.ctx)
	r.lock()
	defer r.unlock()
	t, err := r.newTarget(name)
	if err != nil || r.onDemand || r.closed {
		return cancel
	}
	var watches []func() error
	for _, site := range t.sites {
		w, ok := site.folder.provider.given().(WatchProvider)
		if !ok {
			continue
		}
		exact, parent := t.tries(site)
		for _, at := range []*try{exact, parent} {
			if at != nil {
				ref := site.folder.ref(at.path)
				watches = append(watches, func() error { return w.Watch(ctx, ref, signal) })
			}
		}
	}
	if len(watches) > 0 {
		r.spawn(func() {
			watched := false
			for _, watch := range watches {
				watched = callsBack(guard(watch)) || watched
			}
			if watched {
				signal() // it may have come between the read and the watch
			}
		})
	}
	return cancel
}
