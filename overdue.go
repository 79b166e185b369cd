package secrets

import (
	"context"
	"time"
)

// A held value that is past its TTL, with no refresher to see to it, is read by
// those who ask for it: its document is idle, or the resolver reads on demand.
// They wait for that, for a moment.

// softWait is how long Get waits for a refresh of a value that it holds.
const softWait = int64(time.Second)

// waitFor returns what Get waits for before it serves a held value, and until
// when at most; nil: nothing.
func (r *Resolver) waitFor(e *entry, now int64, patient bool) (<-chan struct{}, int64) {
	d, from := e.doc, e.part.site.referrer
	r.tend(d, now)
	if from != nil && from.usable(now) {
		r.tend(from, now)
	}
	s := r.searches[e.name]
	switch {
	case !patient:
		return nil, 0
	case from != nil && from.holdsUp(now):
		return from.flight.done, from.flight.hold
	case from != nil && s != nil && from.value != nil && now < from.value.mono+softWait:
		return s.done, from.value.mono + softWait // it was read just now, and may say something else
	case !d.holdsUp(now):
		return nil, 0
	case s != nil && d.gone():
		return s.done, d.flight.hold
	default:
		return d.flight.done, d.flight.hold
	}
}

// overdue reports whether the held value of a document is past its TTL and
// nobody but its readers sees to it: it is neglected, unless one of them has it
// read already. One that is read for each Get is past nothing.
func (r *Resolver) overdue(d *document, now int64) bool {
	return (d.idle || r.onDemand && (d.ttl > 0 || d.leased())) && now >= d.next && (d.trouble == nil || now >= d.trouble.retry)
}

// tend has a neglected document read, and Get wait for a read of it that
// somebody else, by Refresh or a search, has begun.
func (r *Resolver) tend(d *document, now int64) {
	switch {
	case !r.overdue(d, now):
	case d.flight == nil:
		rd := &reading{provider: d.folder.provider}
		r.gatherNeglected(rd, d, now)
		r.launchReading(rd)
	case d.flight.hold == 0:
		d.idle, d.lastUsed = false, now
		d.flight.hold = now + softWait
	}
}

// gatherNeglected makes the caller, who has a use for it, the reader of a
// neglected document, for which others wait a moment; now and then also of what
// its names would live in by themselves.
func (r *Resolver) gatherNeglected(rd *reading, d *document, now int64) {
	d.idle, d.lastUsed = false, now
	d.unpublish()
	f, _ := r.claim(d)
	f.hold = now + softWait
	rd.flights = append(rd.flights, f)
	if d.rounds++; d.rounds%recheck == 0 {
		r.gatherExact(rd, d)
	}
}

// launchReading reads what was gathered in the background. Somebody waits for
// it.
func (r *Resolver) launchReading(rd *reading) {
	rd.searched = false
	r.spawnReader(func() { r.refresh(rd) })
}

// foundOverdue reports whether what a search has just found is past its TTL: a
// name that is new on a document held for others.
func (r *Resolver) foundOverdue(name string) bool {
	r.lock()
	e, now := r.names.find(name), r.now()
	is := e != nil && e.doc != nil && e.doc.usable(now) && r.overdue(e.doc, now)
	r.unlock()
	return is
}

// waitUntil waits for a channel, for at most d and until ctx ends. It reports
// whether waiting again is worth it.
func waitUntil(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(d):
	case <-ctx.Done():
	}
	return false
}
