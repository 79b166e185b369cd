package secrets

import (
	"context"
	"errors"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/policy"
)

// Preload reads the named secrets in as few calls as their backends allow and
// holds them. It returns nil, or all failures, joined and each with its name. Names
// that are held already cost nothing.
//
// If ctx has a deadline, Preload reads secrets that are unavailable or throttled
// again until then: this is how a program waits at its start for a manager that is
// not up yet. Without a deadline it gives up after the timeout of one read
// ([WithTimeout]).
func (r *Resolver) Preload(ctx context.Context, names ...string) error {
	if r.err != nil {
		return r.err
	}
	_, errs := r.preload(ctx, names)
	return errors.Join(errs...)
}

// preload is Preload that also returns the secrets, in the order of names. errs has
// the failures.
func (r *Resolver) preload(ctx context.Context, names []string) (found []Secret, errs []error) {
	found = make([]Secret, len(names))
	var absent, held []int // indices; a held one may be dropped, or too old, before the end
	seen := make(map[string]int)
	tx := r.cache.Lock()
	if tx.Closed() {
		tx.Unlock()
		return found, []error{&Error{Op: "preload", Err: ErrClosed}}
	}
	for i, name := range names {
		if _, twice := seen[name]; twice {
			continue
		}
		seen[name] = i
		if e := r.index.find(name); r.servable(tx, e) {
			held = append(held, i)
			e.doc.Program = true
			if found[i] = *e.last; !tx.Overdue(e.doc) {
				r.serve(tx, e)
			}
			continue
		}
		if _, err := r.newTarget(name); err != nil {
			errs = append(errs, &Error{Op: "get", Name: brief(name), Err: err})
			continue
		}
		absent = append(absent, i)
	}
	tx.Unlock()
	failures, err := r.findAll(ctx, names, absent, found)
	if errs = append(errs, failures...); err != nil {
		return found, append(errs, err)
	}
	r.freshen(ctx, names)
	errs = append(errs, r.alignVersions(ctx, names, held, found)...)
	return r.copyDuplicates(found, names, seen), errs
}

// findAll searches for the names at the places, all together, and stores the results
// in found. If ctx has a deadline that allows it, findAll searches again for the
// names with a transient failure, each time once that is no longer remembered: so a
// program waits for its manager. err is not nil if the context ended before the
// first search did.
func (r *Resolver) findAll(ctx context.Context, names []string, places []int, found []Secret) (failures []error, err error) {
	failed := make(map[int]error)
	for first, left := true, places; len(left) > 0; first = false {
		s, err := r.searchAll(names, left)
		if err == nil {
			err = r.await(ctx, s)
		}
		if err != nil {
			if first {
				return nil, &Error{Op: "preload", Err: err}
			}
			break // and return the failures of the search before
		}
		again := left[:0:0]
		for i, t := range s.targets {
			at := left[i]
			delete(failed, at)
			switch {
			case t.secret != nil:
				found[at] = *t.secret
				continue
			case transient(t.err):
				again = append(again, at)
			}
			failed[at] = &Error{Op: "get", Name: t.name, Err: r.withHint(t.err)}
		}
		if left = again; len(left) > 0 && !r.waitOut(ctx, s) {
			break
		}
	}
	for _, at := range places {
		if err := failed[at]; err != nil {
			failures = append(failures, err)
		}
	}
	return failures, nil
}

// searchAll starts a search for the names at the places, which are valid.
func (n *names) searchAll(names []string, places []int) (*search, error) {
	tx := n.cache.Lock()
	defer tx.Unlock()
	if tx.Closed() {
		return nil, ErrClosed
	}
	targets := make([]*target, len(places))
	for i, at := range places {
		var err error
		if targets[i], err = n.newTarget(names[at]); err != nil {
			return nil, err
		}
	}
	s := n.newSearch(tx, targets, n.need(), untilTimeout, true)
	n.cache.Go(func() { n.run(s) })
	return s, nil
}

// waitOut waits until the first of the failures of a search is no longer
// remembered. It reports false if ctx has no deadline, or one before that.
func (n *names) waitOut(ctx context.Context, s *search) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return false
	}
	tx := n.cache.Lock()
	now := tx.Now()
	until := int64(0)
	for _, t := range s.targets {
		if t.secret == nil && transient(t.err) {
			if at := t.rememberedUntil(tx); at > now && (until == 0 || at < until) {
				until = at
			}
		}
	}
	if until == 0 { // the failure is not remembered any more
		until = now + int64(policy.Memory(1, 0))
	}
	tx.Unlock()
	wait := time.Duration(until - now)
	if wait >= time.Until(deadline) {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-n.cache.Context().Done():
	}
	return false
}

// rememberedUntil returns until when the failure of a target is remembered; 0:
// it is not.
func (t *target) rememberedUntil(tx cache.Tx) (until int64) {
	for at := range t.lookedAt {
		until = max(until, tx.RememberedUntil(at.doc))
	}
	return until
}

// alignVersions takes all names of one document from one version, even if some were
// held before the others were read, and reads the names that are not held any more.
func (r *Resolver) alignVersions(ctx context.Context, names []string, held []int, found []Secret) (errs []error) {
	tx := r.cache.Lock()
	for i, name := range names {
		if e := r.index.find(name); e != nil && e.doc != nil && !found[i].IsZero() {
			found[i] = *e.last
		}
	}
	var again []int
	for _, i := range held {
		if e := r.index.find(names[i]); e == nil || e.doc == nil || !tx.Servable(e.doc) || r.outlived(tx, e) {
			again = append(again, i)
		}
	}
	tx.Unlock()
	for _, i := range again {
		var err error
		if found[i], err = r.Get(ctx, names[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// freshen reads the overdue documents of the names, and waits for them as Get does,
// once for all.
func (n *names) freshen(ctx context.Context, names []string) {
	var waits []<-chan struct{}
	tx := n.cache.Lock()
	if tx.Closed() {
		tx.Unlock()
		return
	}
	var docs []*cache.Doc
	for _, name := range names {
		if e := n.index.find(name); e != nil && e.doc != nil {
			docs = append(docs, e.doc)
			if referrer := e.part.site.referrer; referrer != nil {
				docs = append(docs, referrer)
			}
		}
	}
	tx.Freshen(docs...)
	until := tx.Now() + int64(cache.SoftWait)
	for _, d := range docs {
		if done, _ := tx.BlockedBy(d); done != nil && tx.Servable(d) {
			waits = append(waits, done)
		}
	}
	tx.Unlock()
	for _, done := range waits {
		if !cache.Await(ctx, done, time.Duration(until-n.cache.Now())) {
			return
		}
	}
}

// copyDuplicates copies the result of a name to the places where it is given again.
func (r *Resolver) copyDuplicates(found []Secret, names []string, seen map[string]int) []Secret {
	for i, name := range names {
		found[i] = found[seen[name]]
	}
	return found
}
