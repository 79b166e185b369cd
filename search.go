package secrets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// A search finds out where names live, reading what it needs to know. One
// search serves everybody who asks for its name; it outlives them.
type search struct {
	targets []*target
	done    chan struct{}
	start   int64 // the last read that was settled before it
	need    freshness
	eager   bool // several names: their tries go together
	program bool // the program asks by itself; a Get's name may be input

	// Guarded by Resolver.mu.
	tries   effort
	waiters int
	gone    chan struct{} // closed when nobody waits any more
	waits   []*flight     // for which it waits itself
}

// A freshness says what a search may take for known.
type freshness uint8

const (
	needHeld  freshness = iota // what is held or remembered
	needRead                   // what was read since its start, or is leased: a TTL of zero
	needFresh                  // what was read since its start
)

// An effort says how often what was never held is tried while it fails.
type effort bool

const (
	untilTimeout effort = true
	once         effort = false // for who looks again by themselves, or has something meanwhile
)

// look tells what is known of a document: its version, why it has none, or
// (known is false) that it must be read.
func (s *search) look(d *document, now int64) (v *version, err error, known bool) {
	if d.usable(now) && !d.gone() && (s.need == needHeld || d.value.mono > s.start || s.need == needRead && d.leased()) {
		return d.value, nil, true
	}
	if t := d.trouble; t != nil && t.err != nil {
		switch {
		case t.at > s.start:
			return nil, t.err, true
		case s.program && !d.program && errors.Is(t.err, ErrInvalid): // who asks may make a difference
		case s.need == needHeld && now < t.until && d.flight == nil:
			return nil, &remembered{err: t.err, age: time.Duration(now - t.at)}, true
		}
	}
	return nil, nil, false
}

// step goes on with a target as far as what is known allows. It returns the
// documents that must be read before it can go further; none: the target is
// settled. It is called with the lock held.
func (r *Resolver) step(s *search, t *target, now int64) (need []*document) {
	if !t.settled {
		need = r.ask(s, t, now)
		t.settled = len(need) == 0
	}
	return need
}

// ask is step for a target that is not settled.
func (r *Resolver) ask(s *search, t *target, now int64) (need []*document) {
	if len(t.sites) == 0 {
		t.err = notFound("no provider is configured, and the name is no reference")
	}
	for ; t.at < len(t.sites); t.at++ {
		site := t.sites[t.at]
		exact, parent := t.tries(site)
		if exact != nil && t.exactErr == nil {
			d := r.document(exact)
			v, err, known := s.look(d, now)
			if !known {
				need = append(t.need[:0], d)
				if s.eager && parent != nil {
					up := r.document(parent)
					if _, _, known := s.look(up, now); !known {
						need = append(need, up)
					}
				}
				return need
			}
			if err == nil {
				var elsewhere bool
				if elsewhere, err = r.arrive(t, exact, d, v); elsewhere {
					return r.ask(s, t, now)
				}
				if err == nil {
					return nil
				}
			}
			t.exactErr = exact.fail(err)
			if parent == nil || !r.searchesOn(t, d, err) {
				if t.err = t.exactErr; r.goesOn(t) {
					continue
				}
				return nil
			}
		}
		d := r.document(parent)
		v, err, known := s.look(d, now)
		if !known {
			return append(t.need[:0], d)
		}
		if err == nil {
			var elsewhere bool
			if elsewhere, err = r.arrive(t, parent, d, v); elsewhere {
				return r.ask(s, t, now)
			}
			if err == nil {
				return nil
			}
		}
		if t.err = both(t.exactErr, parent.fail(err)); !r.goesOn(t) {
			return nil
		}
	}
	return nil
}

// arrive attaches a target to a document that has it, unless what it says
// there is that the secret is elsewhere.
func (r *Resolver) arrive(t *target, at *try, d *document, v *version) (elsewhere bool, err error) {
	if elsewhere, err = r.redirect(t, at, v); elsewhere || err != nil {
		if elsewhere {
			t.sites[0].referrer = d
		}
		return elsewhere, err
	}
	return false, r.attach(t, at, d, v)
}

// goesOn reports whether a target's failure lets the next member be asked, and
// has the error tell of all of them.
func (r *Resolver) goesOn(t *target) bool {
	if !errors.Is(t.err, ErrNotFound) {
		return false
	}
	t.exactErr = nil
	t.tried = append(t.tried, t.err)
	if len(t.tried) > 1 {
		t.err = &searchError{tried: t.tried, deciding: t.err}
	}
	return true
}

// searchesOn reports whether a failed try of the exact document d lets the
// parent be asked.
func (r *Resolver) searchesOn(t *target, d *document, err error) bool {
	if errors.Is(err, ErrNotFound) {
		return true
	}
	if errors.Is(err, ErrPermission) {
		e := r.names.find(t.name)
		return e == nil || e.doc != d // a name that is held there is not searched for elsewhere on that
	}
	var name interface{ Unspellable() bool }
	return errors.Is(err, ErrInvalid) && errors.As(err, &name) && name.Unspellable()
}

// joinSearch returns the search for a name, started if there is none. It is
// called with the lock held, and the caller counts as waiting. program: no Get
// asks, but the program by itself.
func (r *Resolver) joinSearch(name string, need freshness, tries effort, program bool) (*search, error) {
	if s, ok := r.searches[name]; ok && s.need >= need {
		s.waiters++
		s.program = s.program || program
		if tries == untilTimeout && s.tries == once {
			s.tries = untilTimeout
			for _, f := range s.waits {
				f.wanted++
			}
		}
		return s, nil
	}
	t, err := r.newTarget(name)
	if err != nil {
		return nil, err
	}
	s := r.newSearch([]*target{t}, need)
	s.tries, s.program = tries, program
	r.searches[name] = s
	// What is known already costs no goroutine.
	if need := r.step(s, t, r.now()); len(need) == 0 {
		r.finish(s)
		return s, nil
	}
	r.spawnReader(func() { r.run(s) })
	return s, nil
}

func (r *Resolver) newSearch(targets []*target, need freshness) *search {
	eager := len(targets) > 1
	if eager {
		r.sought += len(targets)
	}
	return &search{
		targets: targets, start: r.lastRead, need: need, eager: eager,
		done: make(chan struct{}), gone: make(chan struct{}), tries: untilTimeout, waiters: 1,
	}
}

// run carries a search through.
func (r *Resolver) run(s *search) {
	for abandoned := false; ; {
		var readings []*reading
		others := false
		r.lock()
		s.looked()
		now := r.now()
		for _, t := range s.targets {
			if r.closed || abandoned && s.deserted() {
				break
			}
			for _, d := range r.step(s, t, now) {
				d.program = d.program || s.program
				f, first := r.claim(d)
				s.expect(f)
				f.fielded = f.fielded || t.takesField(d.path)
				if first { // or another reads it, or this search for several names
					var rd *reading
					readings, rd = readingOf(readings, d)
					rd.flights = append(rd.flights, f)
				} else {
					others = true
				}
			}
		}
		waits := s.waits
		if len(waits) == 0 {
			r.finish(s)
			r.unlock()
			return
		}
		r.unlock()

		if len(readings) == 1 && !others {
			if !r.readInline(s, readings[0]) {
				return // another goroutine goes on with the search
			}
		} else {
			for _, rd := range readings {
				r.spawn(func() { r.read(rd, s.gone) })
			}
		}
		abandoned = false
		for _, f := range waits {
			select {
			case <-f.done:
				abandoned = abandoned || f.abandoned
			case <-r.ctx.Done():
			}
		}
	}
}

// expect has a search wait for a flight, once, and keep its document until it
// has looked at what came of it: others who have may let go of that before.
func (s *search) expect(f *flight) {
	if f.waiter == s {
		return
	}
	f.waiter = s
	s.waits = append(s.waits, f)
	if s.wants() {
		f.wanted++
	}
	if f.doc.sought < math.MaxUint16 {
		f.doc.sought++
	}
}

// looked ends that.
func (s *search) looked() {
	wants := s.wants()
	for _, f := range s.waits {
		if wants {
			f.wanted--
		}
		if f.doc.sought < math.MaxUint16 {
			f.doc.sought--
		}
	}
	s.waits = nil
}

// leave has what the search waits for know that nobody waits for the search.
func (s *search) leave() {
	if !s.wants() {
		return
	}
	for _, f := range s.waits {
		if f.wanted--; f.wanted == 0 && f.deserted != nil {
			select {
			case f.deserted <- struct{}{}:
			default: // one is there
			}
		}
	}
}

// readInline reads what a search needs on the goroutine of the search, which is
// the usual case. If the provider is deaf to its context, another goroutine
// goes on with the search, and readInline, when it returns at last, reports
// false.
func (r *Resolver) readInline(s *search, rd *reading) bool {
	returned, overdue := false, false // guarded by the lock; at most one is set
	rd.overdue = func() {
		r.lock()
		defer r.unlock()
		switch {
		case returned || overdue:
		case r.closed:
			overdue = true
			r.finish(s)
		default:
			overdue = true
			r.spawn(func() { r.run(s) })
		}
	}
	r.read(rd, s.gone)
	r.lock()
	returned = !overdue
	r.unlock()
	return returned
}

// wants reports whether somebody waits for the search who has what fails tried
// again.
func (s *search) wants() bool { return s.tries == untilTimeout && !s.deserted() }

// deserted reports whether nobody waits for the search any more.
func (s *search) deserted() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// readingOf returns the reading that takes what is of the same provider as d,
// added if there is none.
func readingOf(readings []*reading, d *document) ([]*reading, *reading) {
	for _, rd := range readings {
		if rd.provider == d.folder.provider {
			return readings, rd
		}
	}
	rd := &reading{provider: d.folder.provider, searched: true}
	return append(readings, rd), rd
}

// finish tells those who wait what came of a search. It is called with the
// lock held.
func (r *Resolver) finish(s *search) {
	if s.eager {
		r.sought -= len(s.targets)
	}
	for _, t := range s.targets {
		if r.searches[t.name] == s {
			delete(r.searches, t.name)
		}
		switch {
		case t.secret != nil:
			r.keep(t)
		case r.closed:
			t.err = ErrClosed
		case t.err == nil:
			t.err = fmt.Errorf("%w: %w", ErrUnavailable, errAbandoned)
		case errors.Is(t.err, ErrNotFound):
			r.lose(t.name, s.start)
			if s.tries == untilTimeout { // somebody asks
				r.stillGone(t.name, t.err)
			}
		}
		if r.ttl == 0 || r.held+r.named > r.maxEntries {
			r.dropNameless(t)
		}
	}
	close(s.done)
}

// await waits for a search on behalf of one caller. It returns nil once the
// search has ended, and why the caller has no value if its context ends first.
func (r *Resolver) await(ctx context.Context, s *search) error {
	select {
	case <-s.done:
	default:
		select {
		case <-s.done:
		case <-ctx.Done():
		case <-r.ctx.Done():
		}
	}
	r.lock()
	defer r.unlock()
	s.waiters--
	select {
	case <-s.done:
		return nil
	default:
	}
	err := r.gaveUp(ctx, s.targets)
	if s.waiters == 0 {
		// What it reads it goes on reading; whoever asks next starts a search
		// of their own, and finds the flights of this one.
		s.leave()
		close(s.gone)
		for _, t := range s.targets {
			if r.searches[t.name] == s {
				delete(r.searches, t.name)
			}
		}
	}
	return err
}

// relocate searches for a name that is gone from its document, or may have
// moved. It is called with the lock held.
func (r *Resolver) relocate(e *entry) {
	_, _ = r.joinSearch(e.name, needHeld, once, false) // the name is one that was found before
}
