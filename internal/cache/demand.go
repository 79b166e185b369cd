package cache

import "time"

// The refresher does not read a document that is idle, and reads none if the Cache
// works on demand. When the held version of such a document is past its TTL, its
// next user starts a read and waits for it, but at most SoftWait; then the user is
// served the held version.

// SoftWait is how long a user waits at most for a refresh of a held version.
const SoftWait = time.Second

// overdue reports whether the held version of a document is past its TTL, and only
// a user has it read again. It is false for a document that is read for each use.
func (tx Tx) overdue(d *Doc) bool {
	now := tx.Now()
	return (d.idle || tx.c.OnDemand && d.kept()) && now >= d.next && (d.trouble == nil || now >= d.trouble.retry)
}

// Overdue reports whether the next user of a document must start a read of it.
func (tx Tx) Overdue(d *Doc) bool { return d.servable(tx.Now()) && tx.overdue(d) }

// Freshen starts reads of the documents that are overdue, those of one backend
// together. Their users wait for these reads, or for one that is under way already.
func (tx Tx) Freshen(docs ...*Doc) {
	c, now := tx.cache(), tx.Now()
	var readings []*Reading
	for _, d := range docs {
		switch {
		case !tx.Overdue(d):
		case d.flight == nil:
			var rd *Reading
			for _, other := range readings {
				if other.backend == d.space.backend {
					rd = other
				}
			}
			if rd == nil {
				rd = &Reading{backend: d.space.backend}
				readings = append(readings, rd)
			}
			tx.gatherOverdue(rd, d)
		case d.flight.blockUntil == 0:
			d.idle, d.lastUsed = false, now
			d.flight.blockUntil = now + int64(SoftWait)
		}
	}
	for _, rd := range readings {
		c.launch(rd)
	}
}

// gatherOverdue adds an overdue document to a reading that the caller launches. The
// users of the document wait for it.
func (tx Tx) gatherOverdue(rd *Reading, d *Doc) {
	d.idle, d.lastUsed = false, tx.Now()
	f, _ := tx.claim(d)
	f.blockUntil = tx.Now() + int64(SoftWait)
	tx.c.owner.Changed(tx, d, Withdrawn)
	rd.flights = append(rd.flights, f)
	tx.gatherAlong(rd, d)
}

// Block makes the users of a document wait, at most SoftWait, for the read that is
// under way.
func (tx Tx) Block(d *Doc) {
	if d.flight != nil {
		d.flight.blockUntil = tx.Now() + int64(SoftWait)
		tx.c.owner.Changed(tx, d, Withdrawn)
	}
}

// BlockedBy returns the read that the users of a document wait for before they are
// served the held version, and until when at most; nil: they do not wait.
func (tx Tx) BlockedBy(d *Doc) (done <-chan struct{}, until int64) {
	if !d.blocks(tx.Now()) {
		return nil, 0
	}
	return d.flight.done, d.flight.blockUntil
}

// blocks reports whether users wait for the read under way.
func (d *Doc) blocks(now int64) bool { return d.flight != nil && now < d.flight.blockUntil }

// NoteServed records that somebody was served the held version.
func (tx Tx) NoteServed(d *Doc) {
	d.lastUsed = tx.Now()
	tx.resume(d)
}

// NoteFound records that a name was found in a document. An overdue document stays
// overdue: its next user starts a read, or waits for the one under way.
func (tx Tx) NoteFound(d *Doc) {
	d.lastUsed = tx.Now()
	if !tx.overdue(d) {
		tx.resume(d)
	}
}

// resume makes a document that was idle one that the refresher reads.
func (tx Tx) resume(d *Doc) {
	if d.idle {
		d.idle = false
		if d.flight == nil {
			tx.enqueue(d)
		}
	}
}

// Idle reports whether a document is due, and not read until somebody uses it.
func (tx Tx) Idle(d *Doc) bool {
	tx.cache()
	return d.idle
}

// NextUse returns after how long a use of a held document can bring something new;
// 0: the refresher reads it.
func (tx Tx) NextUse(d *Doc) time.Duration {
	if !tx.cache().OnDemand {
		return 0
	}
	next := d.next
	if d.trouble != nil {
		next = max(next, d.trouble.retry)
	}
	return max(time.Duration(next-tx.Now()), 1)
}

// A Validity says for how long a held version may be served on demand.
type Validity struct {
	Until int64         // on the monotonic clock, ns
	Level time.Duration // wall minus monotonic time then; more than maxDrift beyond it is a jump
}

// Covers reports whether the time that c tells is within a Validity, and the clocks
// have not jumped.
func (l Validity) Covers(c Clock) bool {
	offset, mono := c.offset()
	return mono < l.Until && offset-l.Level <= maxDrift && offset >= l.Level
}

// Validity returns for how long the held version may be served on demand, if the
// user looks at nothing but the clocks; ok is false if it may not.
func (tx Tx) Validity(d *Doc) (l Validity, ok bool) {
	c, now := tx.cache(), tx.Now()
	if !c.OnDemand || !d.kept() || d.blocks(now) || !d.servable(now) || tx.overdue(d) {
		return Validity{}, false
	}
	until := d.expires()
	due := d.next
	if d.trouble != nil {
		due = max(due, d.trouble.retry)
	}
	if until = min(until, due); until <= now {
		return Validity{}, false
	}
	return Validity{Until: until, Level: c.drift.level}, true
}
