package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/shorten"
)

// A search finds out where names live, and reads the documents that it needs for
// that. All callers that ask for a name share one search; it goes on when they stop
// waiting. The slow path of Get, Refresh, Preload and Load are searches.
type search struct {
	targets []*target
	done    chan struct{}
	query   cache.Query
	eager   bool // it is for several names, and reads all their places together

	// Guarded by the lock.
	effort  effort
	waiters int
	waiter  *cache.Waiter
	facts   searchFacts // of the target that is being located
}

// An effort says how often a document that was never held is tried while it fails.
type effort bool

const (
	untilTimeout effort = true
	once         effort = false // for a caller that asks again by itself, or has a held value
)

// A target is one name of a search, with the result once that is known.
type target struct {
	name, path, field string
	sites             []*site
	candidates        []candidate  // of the sites, as far as they were looked at
	pinned            []*cache.Doc // that were looked at
	room              struct {     // for the usual number of these
		candidates [1]candidate
		pinned     [2]*cache.Doc
	}
	settled bool // the result is known

	entry  *entry // that was attached
	isNew  bool   // it was attached to no document before
	secret *Secret
	err    error
}

// newTarget checks a name and finds the sites where it is looked for.
func (n *names) newTarget(name string) (*target, error) {
	path, field, err := splitName(name)
	if err != nil {
		return nil, err
	}
	t := &target{name: name, path: path, field: field}
	t.candidates, t.pinned = t.room.candidates[:0], t.room.pinned[:0]
	if err := n.route(t); err != nil {
		return nil, err
	}
	return t, nil
}

// route sets the sites of a target: its reference, or else the chain.
func (n *names) route(t *target) error {
	reference := func(s *site) error {
		if s.all.field != "" && t.field != "" {
			return invalid("%s is a reference that names a field already", shorten.Quote(t.path))
		}
		t.sites = []*site{s}
		return nil
	}
	if len(n.references) == 0 {
		t.sites = n.sites
		return nil
	}
	if s, ok := n.references[t.path]; ok {
		return reference(s)
	}
	for end := strings.LastIndexByte(t.path, '/'); end >= 0; end = strings.LastIndexByte(t.path[:end], '/') {
		if s, ok := n.references[t.path[:end+1]]; ok {
			t.path, t.sites = t.path[end+1:], []*site{s}
			return nil
		}
	}
	if parent, last, ok := parentOf(t.path); ok && t.field == "" {
		if s, ok := n.references[parent]; ok && s.all.field == "" {
			t.path, t.field = parent, last
			return reference(s)
		}
	}
	t.sites = n.sites
	return nil
}

// candidate returns where the i-th site may have the name.
func (t *target) candidate(i int) candidate {
	for len(t.candidates) <= i {
		t.candidates = append(t.candidates, t.sites[len(t.candidates)].candidates(t.path, t.field))
	}
	return t.candidates[i]
}

// redirect continues the search at the one site to which a value refers.
func (t *target) redirect(l location) {
	if l.found {
		t.field = ""
	}
	t.sites, t.candidates = []*site{l.elsewhere}, nil
}

// lookedAt yields the places where the search has looked, the latest first.
func (t *target) lookedAt(yield func(*place) bool) {
	for i := len(t.candidates) - 1; i >= 0; i-- {
		c := t.candidates[i]
		if c.parent != nil && c.parent.doc != nil && !yield(c.parent) {
			return
		}
		if c.exact != nil && c.exact.doc != nil && !yield(c.exact) {
			return
		}
	}
}

// searchFacts are the facts for one target of a search.
type searchFacts struct {
	n  *names
	tx cache.Tx
	s  *search
	t  *target
}

// docAt returns the document at a place, and pins it until the search ends.
func (v *searchFacts) docAt(at *place) *cache.Doc {
	if at.doc == nil {
		at.doc = v.tx.Doc(at.site.folder.space, at.path, at.site.ttl)
		at.doc.Asked = at.doc.Asked || !at.parent
		at.doc.Wants |= at.wants()
		v.tx.Pin(at.doc)
		v.t.pinned = append(v.t.pinned, at.doc)
	}
	return at.doc
}

func (v *searchFacts) known(at *place) (*cache.Version, error, bool) {
	known, ok := v.tx.Known(v.docAt(at), v.s.query)
	if ok && known.Err != nil && known.Age > 0 {
		return nil, &remembered{err: known.Err, age: known.Age}, true
	}
	return known.Version, known.Err, ok
}

func (v *searchFacts) isHome(at *place) bool {
	e := v.n.index.find(v.t.name)
	return e != nil && e.doc == at.doc
}

func (v *searchFacts) accepts(at *place, text string) error {
	e := v.n.index.find(v.t.name)
	if e == nil || e.doc == nil || e.doc == at.doc || !v.tx.Servable(e.doc) {
		return nil
	}
	return e.checkEmpty(text)
}

func (v *searchFacts) siteFor(at *place, ref *Ref) (*site, error) {
	s, err := v.n.siteOfValue(v.tx, ref, at.site.follow)
	if err == nil {
		s.follow = followNone // one step, so that no circle can be made
		s.referrer = at.doc
	}
	return s, err
}

// step continues with a target until documents must be read, and returns their
// places; none: the target is settled.
func (n *names) step(tx cache.Tx, s *search, t *target) []*place {
	for !t.settled {
		s.facts = searchFacts{n, tx, s, t}
		l := locate(len(t.sites), t.candidate, t.field, s.eager, &s.facts)
		switch {
		case l.read != nil:
			return l.read
		case l.err != nil:
			t.err, t.settled = l.err, true
		case l.elsewhere != nil:
			t.redirect(l)
		default:
			t.entry, t.isNew = n.attach(tx, t.name, l.at, l.version, l.text)
			t.secret, t.settled = t.entry.last, true
		}
	}
	return nil
}

// joinSearch returns the search for a name, and starts one if there is none. The
// caller counts as one of its waiters. program: the name is the program's own, and
// no Get asks, see cache.Query.
func (n *names) joinSearch(tx cache.Tx, name string, need cache.Need, effort effort, program bool) (*search, error) {
	if s, ok := n.searches[name]; ok && s.query.Need >= need {
		s.waiters++
		s.query.Program = s.query.Program || program
		if effort == untilTimeout && s.effort == once {
			s.effort = untilTimeout
			tx.Retry(s.waiter)
		}
		return s, nil
	}
	t, err := n.newTarget(name)
	if err != nil {
		return nil, err
	}
	s := n.newSearch(tx, []*target{t}, need, effort, program)
	n.searches[name] = s
	// A search that needs no read needs no goroutine.
	if len(n.step(tx, s, t)) == 0 {
		n.finish(tx, s)
		return s, nil
	}
	n.cache.GoRead(func() { n.run(s) })
	return s, nil
}

func (n *names) newSearch(tx cache.Tx, targets []*target, need cache.Need, effort effort, program bool) *search {
	s := &search{
		targets: targets, done: make(chan struct{}), eager: len(targets) > 1,
		query:  cache.Query{Need: need, Since: tx.LastRead(), Began: tx.Now(), Program: program},
		effort: effort, waiters: 1, waiter: cache.NewWaiter(bool(effort)),
	}
	if s.eager {
		tx.Searching(len(targets))
	}
	return s
}

// Continue runs a search whose goroutine waits for a provider that does not
// return.
func (s *search) Continue() { s.facts.n.run(s) }

// Abandon finishes a search, because the resolver is closed.
func (s *search) Abandon(tx cache.Tx) { s.facts.n.finish(tx, s) }

// run runs a search until it is finished.
func (n *names) run(s *search) {
	for abandoned := false; ; {
		tx := n.cache.Lock()
		tx.Reset(s.waiter)
		if !tx.Closed() && !(abandoned && s.waiter.Cancelled()) {
			n.stepAll(tx, s)
		}
		if !tx.Claimed(s.waiter) {
			n.finish(tx, s)
			tx.Unlock()
			return
		}
		tx.Unlock()
		var goOn bool
		if abandoned, goOn = n.cache.Wait(s.waiter, s); !goOn {
			return
		}
	}
}

// stepAll continues with every target, and claims the documents that must be read.
func (n *names) stepAll(tx cache.Tx, s *search) {
	for _, t := range s.targets {
		for _, at := range n.step(tx, s, t) {
			at.doc.Program = at.doc.Program || s.query.Program
			tx.Claim(s.waiter, at.doc)
		}
	}
}

// finish ends a search, and wakes the callers that wait for it.
func (n *names) finish(tx cache.Tx, s *search) {
	if s.eager {
		tx.Searching(-len(s.targets))
	}
	for _, t := range s.targets {
		if n.searches[t.name] == s {
			delete(n.searches, t.name)
		}
		for _, d := range t.pinned {
			tx.Unpin(d)
		}
		switch {
		case t.secret != nil:
			n.keep(tx, t)
		case tx.Closed():
			t.err = ErrClosed
		case t.err == nil:
			t.err = fmt.Errorf("%w: %w", ErrUnavailable, errAbandoned)
		case errors.Is(t.err, ErrNotFound):
			n.noteNotFound(tx, t.name, s.query.Since)
			if s.effort == untilTimeout { // somebody asks
				n.stillGone(tx, t.name, t.err)
			}
		}
		if n.ttl == 0 || tx.Full() {
			for _, d := range t.pinned {
				tx.ReleaseNameless(d)
			}
		}
	}
	close(s.done)
}

// errAbandoned is the error of a read that never started, because all its callers
// stopped waiting. It is never remembered.
var errAbandoned = errors.New("abandoned")

// keep drops a name that was just found if it may not stay held.
func (n *names) keep(tx cache.Tx, t *target) {
	if e := t.entry; !e.dead && e.doc != nil && !n.mayKeep(tx, e) && (t.isNew || !tx.Kept(e.doc)) {
		n.dropEntry(tx, e)
	}
}

// noteNotFound drops a name that a search, which began at start, has not found,
// unless another search has found it since. If it was held, it is deleted.
func (n *names) noteNotFound(tx cache.Tx, name string, start int64) {
	e := n.index.find(name)
	if e == nil {
		return
	}
	d := e.doc
	if d != nil && !tx.Gone(d) && e.version().Read() > start {
		return
	}
	if d != nil {
		event := n.eventOf(tx, EventDeleted, d)
		event.Names = []string{name}
		n.events.add(event)
		n.noteDeletion(tx, name, d)
	}
	n.dropEntry(tx, e)
	if d != nil {
		n.notify(e) // after it is dropped, so that Get does not find it; and once, so that a follower does not wake itself
	}
}

// await waits for a search on behalf of one caller. It returns nil once the search
// has ended, and an error if the caller's context ends first.
func (n *names) await(ctx context.Context, s *search) error {
	select {
	case <-s.done:
	default:
		select {
		case <-s.done:
		case <-ctx.Done():
		case <-n.cache.Context().Done():
		}
	}
	tx := n.cache.Lock()
	defer tx.Unlock()
	s.waiters--
	select {
	case <-s.done:
		return nil
	default:
	}
	err := n.gaveUp(tx, ctx, s.targets)
	if s.waiters == 0 {
		// Its reads go on. The next caller starts another search, and joins
		// these reads.
		tx.Cancel(s.waiter)
		for _, t := range s.targets {
			if n.searches[t.name] == s {
				delete(n.searches, t.name)
			}
		}
	}
	return err
}

// gaveUp returns the error of a caller whose context has ended: the backend's last
// error, if there was one, with the context's error.
func (n *names) gaveUp(tx cache.Tx, ctx context.Context, targets []*target) error {
	if tx.Closed() {
		return ErrClosed
	}
	for _, t := range targets {
		for at := range t.lookedAt {
			read, ok := tx.Reading(at.doc)
			switch {
			case !ok:
			case read.Last != nil:
				return fmt.Errorf("%w; %w before it answered again", at.fail(read.Last), ctx.Err())
			default:
				return at.fail(fmt.Errorf("no answer after %v: %w", read.Since.Round(time.Millisecond), ctx.Err()))
			}
		}
	}
	return ctx.Err()
}

// result waits for a search and returns its result.
func (n *names) result(ctx context.Context, op string, s *search) (Secret, error) {
	t := s.targets[0]
	err := n.await(ctx, s)
	switch {
	case err != nil:
		return Secret{}, &Error{Op: op, Name: t.name, Err: err}
	case t.secret == nil:
		return Secret{}, &Error{Op: op, Name: t.name, Err: n.withHint(t.err)}
	default:
		return *t.secret, nil
	}
}

// withHint adds the default resolver's hint to the error of a missing name.
func (n *names) withHint(err error) error {
	if n.notFoundHint != "" && errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w (%s)", err, n.notFoundHint)
	}
	return err
}

// relocate searches for a name that is gone from its document, or may have
// moved.
func (n *names) relocate(tx cache.Tx, e *entry) {
	_, _ = n.joinSearch(tx, e.name, cache.NeedHeld, once, false) // the name was found before, so it is valid
}
