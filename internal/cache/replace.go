package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
	"github.com/go-secrets/secrets/internal/turns"
)

// patience is for how long a failing backend is read on after somebody asked
// for what replaces a rejected version.
const patience = time.Minute

// A replacement is what is looked for after the held version was rejected. The
// backend may still return that: Secrets Manager moves AWSCURRENT after the
// database has changed, and GCP's latest is eventually consistent.
type replacement struct {
	version string // the rejected one
	asked   int64  // when somebody last wanted another version
	reading bool   // the loop runs
}

// Ledger returns what is known of the document's rejected versions; nil:
// nothing.
func (tx Tx) Ledger(d *Doc) *turns.Ledger {
	tx.cache()
	if d.trouble == nil {
		return nil
	}
	return d.trouble.ledger
}

// NewLedger is Ledger to note another rejection.
func (tx Tx) NewLedger(d *Doc) *turns.Ledger {
	tx.cache()
	t := d.troubles()
	if t.ledger == nil {
		t.ledger = turns.NewLedger()
	}
	return t.ledger
}

// Replace has a document read until it holds another version than now, which
// was rejected.
func (tx Tx) Replace(d *Doc) {
	rep := tx.wanted(d)
	tx.replace(d, rep)
	d.trouble.ledger.Notify()
}

// Wanted takes note that somebody wants another version than the held one,
// which was rejected, and has it looked for while the backend fails. It returns
// that failure, and whether the document is being read for another version.
func (tx Tx) Wanted(d *Doc) (outage error, looking bool) {
	rep := tx.wanted(d)
	if d.stale() {
		outage = d.trouble.err
		tx.replace(d, rep)
	}
	return outage, rep.reading
}

func (tx Tx) wanted(d *Doc) *replacement {
	t := d.troubles()
	if t.replacement == nil || t.replacement.version != d.version.id {
		t.replacement = &replacement{version: d.version.id}
	}
	t.replacement.asked = tx.Now()
	return t.replacement
}

// replace has the loop that reads for another version run.
func (tx Tx) replace(d *Doc, rep *replacement) {
	if rep.reading {
		return
	}
	rep.reading = true
	f := tx.readNow(d)
	tx.c.Go(func() { tx.c.readUntilReplaced(d, rep, f) })
}

// readNow has a document read, unless it is being read.
func (tx Tx) readNow(d *Doc) *Flight {
	f, mine := tx.claim(d)
	if mine {
		tx.c.launch(&Reading{backend: d.space.backend, flights: []*Flight{f}})
	}
	return f
}

// readUntilReplaced is the one loop that reads a document whose version was
// rejected, until it has another or the rotation window has passed. While the
// backend fails it goes on for a minute after somebody asked, so that a
// rotation during an outage is seen when the outage ends. f is the read that is
// under way already.
func (c *Cache) readUntilReplaced(d *Doc, rep *replacement, f *Flight) {
	for n := 0; ; n++ {
		tx := c.Lock()
		if c.closed || !tx.awaits(d, rep) {
			rep.reading = false
			if d.trouble != nil {
				d.trouble.ledger.Notify()
			}
			tx.Unlock()
			return
		}
		if n > 0 {
			f = tx.readNow(d)
		}
		tx.Unlock()

		select {
		case <-f.done:
		case <-c.ctx.Done():
			return
		}
		tx = c.Lock()
		replaced := d.version.id != rep.version
		tx.Unlock()
		if replaced {
			continue
		}
		select {
		case <-time.After(policy.Window(n)):
		case <-c.ctx.Done():
			return
		}
	}
}

// awaits reports whether the document is still read for what replaces its
// rejected version.
func (tx Tx) awaits(d *Doc, rep *replacement) bool {
	if d.dropped || d.version.id != rep.version || d.trouble == nil || d.trouble.replacement != rep {
		return false
	}
	at := d.trouble.ledger.RejectedAt(rep.version)
	if at.IsZero() { // somebody accepted it
		return false
	}
	return time.Since(at) < policy.RotationWindow || d.stale() && tx.Now() < rep.asked+int64(patience)
}
