package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// Large is the size, in bytes, from which on a version is prepared without the
// lock.
const Large = 16 << 10

// settle stores the outcomes of flights in their documents, and ends the flights.
func (c *Cache) settle(rd *Reading, outcomes []Outcome) {
	if len(rd.flights) == 0 {
		return
	}
	c.prepare(rd, outcomes)
	tx := c.Lock()
	defer tx.Unlock()
	tx.reportCall(rd)
	now := max(tx.Now(), c.lastRead+1) // so that a search can tell which reads were settled after it began
	c.lastRead = now
	for i, f := range rd.flights {
		if f.last.Err != nil && outOfTime(&outcomes[i]) {
			outcomes[i] = f.last // the backend's error says more than that time ran out
		}
	}
	rd.backend.updateBackoff(rd, outcomes, now)
	memory := rd.memory(outcomes)
	for i, f := range rd.flights {
		d, o := f.doc, &outcomes[i]
		if d.flight != f { // settleLate has settled it before
			tx.retire(d.space.backend, o.Version)
			continue
		}
		d.flight = nil
		f.abandoned = o.Kind == abandoned
		tx.settleDoc(d, *o, now, rd.spread, memory)
		close(f.done)
	}
	c.owner.Settled(tx)
}

// prepare lets the Owner prepare the large versions.
func (c *Cache) prepare(rd *Reading, outcomes []Outcome) {
	for i, f := range rd.flights {
		v := outcomes[i].Version
		if v == nil || len(v.Data()) < Large {
			continue
		}
		tx := c.Lock()
		wants := f.doc.Wants
		tx.Unlock()
		c.owner.Prepare(v, wants)
	}
}

// memory draws for how long the failures of one call are remembered: once for all
// of them, by the greatest count of failures, so that documents that were read
// together are read together again.
func (rd *Reading) memory(outcomes []Outcome) time.Duration {
	failures, after := 0, time.Duration(0)
	for i, f := range rd.flights {
		if o := &outcomes[i]; o.Err != nil && o.Kind != Missing {
			failures = max(failures, f.doc.failures())
			after = max(after, o.RetryAfter)
		}
	}
	return policy.Memory(failures+1, after)
}

// reportCall reports the last call of a reading.
func (tx Tx) reportCall(rd *Reading) {
	if rd.call != nil {
		tx.c.owner.ReportRead(tx, *rd.call)
		rd.call = nil
	}
}

// settleDoc stores the outcome of a read in a document. memory is for how long a
// failure is remembered.
func (tx Tx) settleDoc(d *Doc, o Outcome, now int64, spread float64, memory time.Duration) {
	c := tx.c
	if d.dropped || c.closed {
		tx.retire(d.space.backend, o.Version)
		return
	}
	if o.Err == nil {
		v := o.Version
		v.stamp(now, c.Wall(), d.version)
		if o = tx.validate(d, v, now); o.Err == nil {
			tx.accept(d, v, now, spread)
			return
		}
		tx.retire(d.space.backend, v)
		memory = policy.Memory(d.failures()+1, 0)
	}
	if o.Kind == abandoned {
		if d.version != nil {
			tx.enqueue(d)
		}
		return
	}
	tx.fail(d, &o, now, memory)
}

// validate returns a failure for a version that has expired already, or that the
// Owner does not accept in place of a servable one.
func (tx Tx) validate(d *Doc, v *Version, now int64) Outcome {
	switch {
	case v.expiredAt(now):
		return Outcome{Err: tx.c.Errors.Expired(v.extra.expires), Kind: Unavailable}
	case d.servable(now):
		return tx.c.owner.Accept(tx, d, v)
	}
	return Outcome{}
}

// accept makes v the version that is held.
func (tx Tx) accept(d *Doc, v *Version, now int64, spread float64) {
	c, old := tx.c, d.version
	replaced := old != nil && old.id != v.id
	recovered := old != nil && (d.stale() || d.expired)
	if replaced {
		tx.retire(d.space.backend, old)
	}
	if old == nil {
		c.held++
		c.missing.remove(d)
	}
	d.version = v
	d.clearTrouble(v)
	tx.setExpiry(d)
	if c.OnDemand {
		tx.noteUse(d)
	}
	tx.schedule(d, spread)
	d.dueByHint = false
	if d.readAgain {
		d.readAgain = false
		tx.readSoon(d)
	}

	change := Confirmed
	if replaced {
		change = Replaced
	}
	c.owner.Changed(tx, d, change)
	tx.watch(d)
	switch {
	case replaced:
		c.owner.Report(tx, Event{Kind: EventChanged, Doc: d})
	case recovered:
		c.owner.Report(tx, Event{Kind: EventRecovered, Doc: d})
	}
}

// clearTrouble clears the failures of a document that was read, but keeps which of
// its versions were rejected.
func (d *Doc) clearTrouble(v *Version) {
	t := d.trouble
	if t == nil {
		return
	}
	if t.ledger == nil {
		d.trouble = nil
		return
	}
	d.trouble = &trouble{ledger: t.ledger, replacement: t.replacement}
	if t.replacement != nil && t.replacement.version != v.id {
		t.ledger.Notify() // for the callers that wait for another version
	}
}

// fail remembers a failed read.
func (tx Tx) fail(d *Doc, o *Outcome, now int64, memory time.Duration) {
	c, t := tx.c, d.troubles()
	t.err, t.kind, t.at = o.Err, o.Kind, now
	if o.Kind == Missing {
		memory = c.NegativeTTL
	}
	t.until = policy.Add(now, int64(memory))
	t.failures++
	d.dueByHint = false
	if d.version == nil {
		tx.rememberMissing(d)
		return
	}

	t.retry = now + int64(policy.Refresh(t.failures, o.RetryAfter))
	if t.jump > t.counted {
		t.counted = t.jump
		tx.setExpiry(d)
	}
	change := Failed
	if o.Kind == Missing {
		change, t.gone = Gone, true
		tx.watchAbsence(d)
	}
	d.next = t.retry
	if o.Kind.ofBackend() && d.space.backend.retryAt > now {
		d.next = now // the backend's backoff delays it
	}
	if !d.idle {
		tx.enqueue(d)
	}
	c.owner.Changed(tx, d, change)
	if o.Kind != Missing {
		c.owner.Report(tx, Event{Kind: EventStale, Doc: d, Err: o.Err, Quiet: d.space.backend.alreadyLogged(d, o.Kind)})
	}
}

// setExpiry puts the document into the heap of expiries, or moves it there, after
// its expiry was set or has changed.
func (tx Tx) setExpiry(d *Doc) {
	d.expired = false
	tx.c.expiring.fix(d)
}
