package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// Large is from how many bytes on a version is prepared without the lock.
const Large = 16 << 10

// settle gives documents what came of their flights.
func (c *Cache) settle(rd *Reading, outcomes []Outcome) {
	if len(rd.flights) == 0 {
		return
	}
	c.prepare(rd, outcomes)
	tx := c.Lock()
	defer tx.Unlock()
	tx.tellCall(rd)
	now := max(tx.Now(), c.lastRead+1) // so that every search knows which reads came after it
	c.lastRead = now
	for i, f := range rd.flights {
		if f.last.Err != nil && outOfTime(&outcomes[i]) {
			outcomes[i] = f.last // what the backend said goes before that time ran out
		}
	}
	rd.backend.judge(rd, outcomes, now)
	memory := rd.memory(outcomes)
	for i, f := range rd.flights {
		d, o := f.doc, &outcomes[i]
		if d.flight != f { // settled before, being late
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

// prepare has the Owner prepare what takes long.
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

// memory draws for how long the failures of one call are remembered: once for
// all of them, at the greatest count, so that what was read together is read
// together again.
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

// tellCall tells of the last call of a reading.
func (tx Tx) tellCall(rd *Reading) {
	if rd.call != nil {
		tx.c.owner.TellRead(tx, *rd.call)
		rd.call = nil
	}
}

// settleDoc gives a document what a read of it said. memory is for how long a
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

// validate refuses a version that has expired already, and one that cannot take
// the place of one that works.
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
	d.soon = false
	if d.again {
		d.again = false
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
		c.owner.Tell(tx, Event{Kind: EventChanged, Doc: d})
	case recovered:
		c.owner.Tell(tx, Event{Kind: EventRecovered, Doc: d})
	}
}

// clearTrouble forgets the failures of a document that was read, but not which
// of its versions were rejected.
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
		t.ledger.Notify() // whoever waits for another version has one
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
	d.soon = false
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
	if o.Kind.speaksOfBackend() && d.space.backend.retryAt > now {
		d.next = now // the backend's own backoff is what it waits for
	}
	if !d.idle {
		tx.enqueue(d)
	}
	c.owner.Changed(tx, d, change)
	if o.Kind != Missing {
		c.owner.Tell(tx, Event{Kind: EventStale, Doc: d, Err: o.Err, Quiet: d.space.backend.toldOutage(d, o.Kind)})
	}
}

// setExpiry takes note that it has changed until when the held version may be
// served.
func (tx Tx) setExpiry(d *Doc) {
	d.expired = false
	tx.c.expiring.fix(d)
}
