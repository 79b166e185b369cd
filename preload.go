package secrets

import (
	"context"
	"errors"
	"time"
)

// Preload reads the named secrets in as few calls as their backends allow and
// holds them. It returns nil, or every failure, joined and by name. Names that
// are held already cost nothing.
func (r *Resolver) Preload(ctx context.Context, names ...string) error {
	if r.err != nil {
		return r.err
	}
	_, errs := r.preload(ctx, names)
	return errors.Join(errs...)
}

// preload is Preload that returns the secrets, too, aligned with names; errs
// has the failures alone.
func (r *Resolver) preload(ctx context.Context, names []string) (found []Secret, errs []error) {
	found = make([]Secret, len(names))
	var targets []*target
	var places, held []int // held: of what may be lost, or too old, by the end
	seen := make(map[string]int)
	r.lock()
	if r.closed {
		r.unlock()
		return found, []error{&Error{Op: "preload", Err: ErrClosed}}
	}
	now := r.now()
	for i, name := range names {
		if _, twice := seen[name]; twice {
			continue
		}
		seen[name] = i
		if e := r.names.find(name); e != nil && e.doc != nil && e.doc.usable(now) && !r.outlived(e, now) && (e.doc.ttl > 0 || e.doc.leased()) {
			held = append(held, i)
			if found[i] = *e.last; !r.overdue(e.doc, now) {
				r.serve(e, now)
			}
			continue
		}
		t, err := r.newTarget(name)
		if err != nil {
			errs = append(errs, &Error{Op: "get", Name: brief(name), Err: err})
			continue
		}
		targets, places = append(targets, t), append(places, i)
	}
	if len(targets) == 0 {
		r.unlock()
	} else {
		need := needHeld
		if r.ttl == 0 {
			need = needRead
		}
		s := r.newSearch(targets, need)
		r.spawn(func() { r.run(s) })
		r.unlock()
		if err := r.await(ctx, s); err != nil {
			return found, append(errs, &Error{Op: "preload", Err: err})
		}
		for i, t := range targets {
			if t.secret == nil {
				errs = append(errs, &Error{Op: "get", Name: t.name, Err: r.hinted(t.err)})
			} else {
				found[places[i]] = *t.secret
			}
		}
	}
	r.freshen(ctx, names)
	// Names of one document are given as of one version, those that were held
	// before the others were read included.
	r.lock()
	for i, name := range names {
		if e := r.names.find(name); e != nil && e.doc != nil && !found[i].IsZero() {
			found[i] = *e.last
		}
	}
	var lost []int
	now = r.now()
	for _, i := range held {
		if e := r.names.find(names[i]); e == nil || e.doc == nil || !e.doc.usable(now) || r.outlived(e, now) {
			lost = append(lost, i)
		}
	}
	r.unlock()
	for _, i := range lost {
		var err error
		if found[i], err = r.Get(ctx, names[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return r.doubled(found, names, seen), errs
}

// freshen reads those of the names that are held past their TTL with nobody to
// see to it, and waits for that as Get does, once for all.
func (r *Resolver) freshen(ctx context.Context, names []string) {
	var readings []*reading
	var waits []<-chan struct{}
	r.lock()
	if r.closed {
		r.unlock()
		return
	}
	now := r.now()
	until := now + softWait
	for _, name := range names {
		e := r.names.find(name)
		if e == nil || e.doc == nil {
			continue
		}
		for _, d := range [...]*document{e.doc, e.part.site.referrer} {
			if d == nil || !d.usable(now) {
				continue
			}
			if d.flight == nil && r.overdue(d, now) {
				var rd *reading
				readings, rd = readingOf(readings, d)
				r.gatherNeglected(rd, d, now)
			}
			r.tend(d, now)
			if d.holdsUp(now) {
				waits = append(waits, d.flight.done)
			}
		}
	}
	for _, rd := range readings {
		r.launchReading(rd)
	}
	r.unlock()
	for _, done := range waits {
		if !waitUntil(ctx, done, time.Duration(until-r.now())) {
			return
		}
	}
}

// doubled gives names that were asked twice what the first of them found.
func (r *Resolver) doubled(found []Secret, names []string, seen map[string]int) []Secret {
	for i, name := range names {
		found[i] = found[seen[name]]
	}
	return found
}
