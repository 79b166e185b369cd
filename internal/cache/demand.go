package cache

import (
	"time"
)

// A held version that is past its TTL, and that no refresher reads again, is
// read for those who use it: its document is idle, or the Cache reads on
// demand. They wait for that, for a moment.

// SoftWait is how long a user waits for a refresh of what is held.
const SoftWait = time.Second

// overdue reports whether the held version of a document is past its TTL, and
// is read again only because somebody uses it. One that is read for each use is
// past nothing.
func (tx Tx) overdue(d *Doc) bool {
	now := tx.Now()
	return (d.idle || tx.c.OnDemand && d.kept()) && now >= d.next && (d.trouble == nil || now >= d.trouble.retry)
}

// Overdue reports whether what a document holds is to be read again by whoever
// uses it.
func (tx Tx) Overdue(d *Doc) bool { return d.servable(tx.Now()) && tx.overdue(d) }

// Freshen has the overdue ones of documents read, those of a backend together,
// and their users wait for that, or for a read that somebody else has begun.
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
		case d.flight.hold == 0:
			d.idle, d.lastUsed = false, now
			d.flight.hold = now + int64(SoftWait)
		}
	}
	for _, rd := range readings {
		c.launch(rd)
	}
}

// gatherOverdue makes the caller, who has a use for it, the reader of an overdue
// document, for which others wait a moment.
func (tx Tx) gatherOverdue(rd *Reading, d *Doc) {
	d.idle, d.lastUsed = false, tx.Now()
	f, _ := tx.claim(d)
	f.hold = tx.Now() + int64(SoftWait)
	tx.c.owner.Changed(tx, d, Withdrawn)
	rd.flights = append(rd.flights, f)
	tx.gatherAlong(rd, d)
}

// Hold has users of a document wait a moment for the read that is under way.
func (tx Tx) Hold(d *Doc) {
	if d.flight != nil {
		d.flight.hold = tx.Now() + int64(SoftWait)
		tx.c.owner.Changed(tx, d, Withdrawn)
	}
}

// Held returns the read that users of a document wait for rather than be served
// what is held, and until when; nil: they do not wait.
func (tx Tx) Held(d *Doc) (done <-chan struct{}, until int64) {
	if !d.holdsUp(tx.Now()) {
		return nil, 0
	}
	return d.flight.done, d.flight.hold
}

// holdsUp reports whether users wait for the read under way.
func (d *Doc) holdsUp(now int64) bool { return d.flight != nil && now < d.flight.hold }

// Use takes note that somebody was served what a document holds.
func (tx Tx) Use(d *Doc) {
	d.lastUsed = tx.Now()
	tx.revive(d)
}

// Find takes note that a name was found in a document. What is overdue stays
// so: its next user has it read, or waits for who does.
func (tx Tx) Find(d *Doc) {
	d.lastUsed = tx.Now()
	if !tx.overdue(d) {
		tx.revive(d)
	}
}

// revive has a document that was idle refreshed again: it is not due, or its
// backend is being left alone.
func (tx Tx) revive(d *Doc) {
	if d.idle {
		d.idle = false
		if d.flight == nil {
			tx.enqueue(d)
		}
	}
}

// Idle reports whether a document is due and left alone until somebody uses it.
func (tx Tx) Idle(d *Doc) bool {
	tx.cache()
	return d.idle
}

// NextUse returns how long nothing new can be known of a document that is held;
// 0: the refresher sees to it.
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

// A Lasting says for how long what is held may be served on demand.
type Lasting struct {
	Until int64         // on the monotonic clock, ns
	Level time.Duration // wall minus monotonic time: what is farther ahead of it has jumped
}

// Lasts reports whether a moment is within a Lasting, and returns its monotonic
// time.
func (l Lasting) Lasts(c Clock) bool {
	offset, mono := c.offset()
	return mono < l.Until && offset-l.Level <= maxDrift && offset >= l.Level
}

// Lasting returns for how long what a document holds may be served on demand
// with no more than a look at the clocks; ok is false if it may not.
func (tx Tx) Lasting(d *Doc) (l Lasting, ok bool) {
	c, now := tx.cache(), tx.Now()
	if !c.OnDemand || !d.kept() || d.holdsUp(now) || !d.servable(now) || tx.overdue(d) {
		return Lasting{}, false
	}
	until := d.expires()
	due := d.next
	if d.trouble != nil {
		due = max(due, d.trouble.retry)
	}
	if until = min(until, due); until <= now {
		return Lasting{}, false
	}
	return Lasting{Until: until, Level: c.drift.level}, true
}
