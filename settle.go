package secrets

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// settle tells a document what a read of it said, and what was made of that;
// memory is for how long a failure of the read is remembered. It is called with the lock held.
func (r *Resolver) settle(d *document, res *Result, a *arrival, now int64, spread float64, memory time.Duration) {
	if d.dropped || r.closed {
		r.retire(d.folder.provider, &res.Value)
		return
	}
	if res.Err == nil {
		v := r.newVersion(&res.Value, a, d.value, now)
		res.Err = r.validate(d, v, now)
		if res.Err == nil {
			r.accept(d, v, now, spread)
			return
		}
		r.retire(d.folder.provider, &res.Value)
		memory = policy.Memory(d.failures()+1, 0)
	}
	if errors.Is(res.Err, errAbandoned) {
		if d.value != nil {
			r.enqueue(d)
		}
		return
	}
	r.fail(d, res.Err, now, memory)
}

// validate refuses a version that has expired already, and one that cannot take
// the place of one that works: it is no longer a JSON object where fields are in use, cannot be decoded, or
// what a name stands for has become empty.
func (r *Resolver) validate(d *document, v *version, now int64) error {
	if x := v.extra(); x != nil && x.expires != 0 && x.expires <= now {
		return fmt.Errorf("%w: what the backend returned expired at %s; is a clock wrong?", ErrUnavailable, x.Expires.UTC().Format(time.RFC3339))
	}
	if !d.usable(now) {
		return nil
	}
	for e := d.entries; e != nil; e = e.sibling {
		text, err := e.part.cut(v)
		if errors.Is(err, ErrNotFound) { // it may have moved
			continue
		}
		if err == nil {
			err = e.checkEmpty(text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkEmpty refuses that a name which is held becomes empty.
func (e *entry) checkEmpty(text string) error {
	if text == "" && e.last.Reveal() != "" {
		return invalid("the value has become empty; the held one is kept")
	}
	return nil
}

// accept makes v the version that is held.
func (r *Resolver) accept(d *document, v *version, now int64, spread float64) {
	old := d.value
	changed := old != nil && old.version != v.version
	recovered := old != nil && (d.stale() || d.expired)
	if changed {
		r.retireVersion(d.folder.provider, old)
	}
	if old == nil {
		r.held++
		r.missing.remove(d)
	}
	d.value = v
	r.clearTrouble(d, v)
	r.setExpiry(d)
	r.schedule(d, spread)
	d.soon = false
	if d.again {
		d.again = false
		r.readSoon(d)
	}

	if changed {
		d.unpublish() // who has seen the new version by one name sees none older by another
	}
	var lost []*entry
	for e := d.entries; e != nil; e = e.sibling {
		text, err := e.part.cut(v)
		if err != nil || e.part.refers(text) {
			lost = append(lost, e)
			r.publish(e)
			r.notify(e) // who follows it looks again when what is held becomes too old
			continue
		}
		changed := e.renew(v, text)
		r.publish(e)
		if changed {
			r.notify(e)
		}
	}
	for _, e := range lost {
		r.relocate(e)
	}
	if changed {
		r.relocateReferred(d)
	}
	r.watchDocument(d)
	switch {
	case changed:
		r.tell(d.event(EventChanged, now))
	case recovered:
		r.tell(d.event(EventRecovered, now))
	}
}

// clearTrouble forgets the failures of a document that was read, but not which
// of its versions were rejected.
func (r *Resolver) clearTrouble(d *document, v *version) {
	t := d.trouble
	if t == nil {
		return
	}
	if t.ledger == nil {
		d.trouble = nil
		return
	}
	d.trouble = &trouble{ledger: t.ledger, replacement: t.replacement}
	if t.replacement != nil && t.replacement.version != v.version {
		t.ledger.Notify() // whoever waits for another version has one
	}
}

// fail remembers a failed read.
func (r *Resolver) fail(d *document, err error, now int64, memory time.Duration) {
	t := d.troubles()
	t.err, t.at = err, now
	if errors.Is(err, ErrNotFound) {
		memory = r.negativeTTL
	}
	t.until = policy.Add(now, int64(memory))
	t.failures++
	d.soon = false
	if d.value == nil {
		r.rememberMissing(d)
		return
	}

	t.retry = now + int64(policy.Refresh(t.failures, retryAfterOf(err)))
	if t.jump > t.counted {
		t.counted = t.jump
		r.setExpiry(d)
	}
	if errors.Is(err, ErrNotFound) {
		t.gone = true
		r.watchAbsence(d)
		for e := d.entries; e != nil; {
			next := e.sibling // relocate may take e out
			r.relocate(e)
			e = next
		}
		r.relocateReferred(d)
	}
	d.next = t.retry
	if speaksOfProvider(err) && d.folder.provider.retryAt > now {
		d.next = now // the provider's own backoff is what it waits for
	}
	if !d.idle {
		r.enqueue(d)
	}
	for e := d.entries; e != nil; e = e.sibling {
		r.publish(e)
	}
	if !errors.Is(err, ErrNotFound) {
		e := d.failure(EventStale, now, err)
		e.quiet = d.folder.provider.toldOutage(d, err)
		r.tell(e)
	}
}

// speaksOfProvider reports whether a failure is one of the provider rather
// than of a document.
func speaksOfProvider(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnauthenticated)
}

// judge sets the provider's backoff by what a read said. Only refreshes make it
// longer: what others wait for is spaced by what they remember.
func (r *Resolver) judge(rd *reading, results []Result, now int64) {
	p := rd.provider
	if rd.refresh {
		p.probing = false
	}
	var failed error
	for i := range results {
		err := results[i].Err
		if err == nil || !speaksOfProvider(err) && !errors.Is(err, errAbandoned) {
			// It answered: what other documents have is their own.
			p.failures, p.retryAt, p.told = 0, 0, 0
			return
		}
		if failed == nil || retryAfterOf(err) > retryAfterOf(failed) {
			failed = err
		}
	}
	if rd.refresh && now >= p.retryAt { // several that were under way together count once
		p.failures++
		p.retryAt = now + int64(policy.Refresh(p.failures, retryAfterOf(failed)))
	}
}

// toldOutage reports whether the log has been told of a failure already: of an
// outage one document tells, when it starts and each time the failures in a
// row have doubled.
func (p *provider) toldOutage(d *document, err error) bool {
	n := d.failures()
	if speaksOfProvider(err) && p.failures > 0 {
		n = p.failures
		if p.told == n {
			return true
		}
		p.told = n
	}
	return n&(n-1) != 0
}

// behind reports whether what is held for a name is of an older version than
// its document, the name's field being gone from that: it has an end of its own.
func (e *entry) behind() bool { return e.from() != e.doc.value }

// outlives returns until when what is held for a name that is behind may be
// served.
func (r *Resolver) outlives(e *entry) int64 { return e.from().end(int64(r.maxStale)) }

// outlived reports whether what is held for a name is too old to be served
// although its document is fresh: it is not known where the name is now.
func (r *Resolver) outlived(e *entry, now int64) bool { return e.behind() && now >= r.outlives(e) }

// publish lets Get return what the entry holds at once, if it may without a
// look at the clock.
func (r *Resolver) publish(e *entry) {
	d := e.doc
	now := r.now()
	if r.onDemand || d.ttl == 0 && !d.leased() || d.idle || d.holdsUp(now) || !d.usable(now) || e.behind() {
		e.held.Store(nil)
		return
	}
	e.held.Store(e.last)
}

// unpublish sends Get of every name of the document the slow way. It is called
// too seldom to be worth a copy in each place.
//
//go:noinline
func (d *document) unpublish() {
	for e := d.entries; e != nil; e = e.sibling {
		e.held.Store(nil)
	}
}

// event returns an event about the document, which must have a value. It is
// called with the lock held.
func (d *document) event(kind EventKind, now int64) *Event {
	return &Event{
		Kind: kind, Provider: d.folder.provider.scheme, Document: d.place(), Names: d.names(),
		Version: d.value.version, Age: d.age(now), Failures: d.failures(),
	}
}

// failure returns an event about a failure of the document.
func (d *document) failure(kind EventKind, now int64, err error) *Event {
	e := d.event(kind, now)
	e.Err, e.Class = err, classOf(err)
	return e
}
