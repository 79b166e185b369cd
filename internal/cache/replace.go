package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
	"github.com/go-secrets/secrets/internal/turns"
)

// patience is for how long the loop keeps reading from a failing backend after the
// last caller asked for a replacement.
const patience = time.Minute

// A replacement is the state of reading for another version after the held one was
// rejected. The backend may still return the rejected one for a while: Secrets
// Manager moves AWSCURRENT after the database has changed, and GCP's latest is
// eventually consistent.
type replacement struct {
	version string // the rejected one
	asked   int64  // when a caller last wanted another version
	reading bool   // the loop runs
}

// Ledger returns the document's ledger of rejected versions; nil: it has none.
func (tx Tx) Ledger(d *Doc) *turns.Ledger {
	tx.cache()
	if d.trouble == nil {
		return nil
	}
	return d.trouble.ledger
}

// NewLedger returns the document's ledger, and makes it if there is none.
func (tx Tx) NewLedger(d *Doc) *turns.Ledger {
	tx.cache()
	t := d.troubles()
	if t.ledger == nil {
		t.ledger = turns.NewLedger()
	}
	return t.ledger
}

// FindReplacement starts the loop that reads a document until it holds another
// version: the held one was rejected.
func (tx Tx) FindReplacement(d *Doc) {
	rep := tx.wantReplacement(d)
	tx.findReplacement(d, rep)
	d.trouble.ledger.Notify()
}

// WantReplacement records that a caller wants another version than the held one,
// which was rejected. If the last read failed, it starts the loop and returns that
// failure. looking reports whether the loop runs.
func (tx Tx) WantReplacement(d *Doc) (outage error, looking bool) {
	rep := tx.wantReplacement(d)
	if d.stale() {
		outage = d.trouble.err
		tx.findReplacement(d, rep)
	}
	return outage, rep.reading
}

func (tx Tx) wantReplacement(d *Doc) *replacement {
	t := d.troubles()
	if t.replacement == nil || t.replacement.version != d.version.id {
		t.replacement = &replacement{version: d.version.id}
	}
	t.replacement.asked = tx.Now()
	return t.replacement
}

// findReplacement starts the loop unless it runs.
func (tx Tx) findReplacement(d *Doc, rep *replacement) {
	if rep.reading {
		return
	}
	rep.reading = true
	f := tx.readNow(d)
	tx.c.Go(func() { tx.c.readUntilReplaced(d, rep, f) })
}

// readNow returns the flight of a document, and starts one if there is none.
func (tx Tx) readNow(d *Doc) *Flight {
	f, mine := tx.claim(d)
	if mine {
		tx.c.launch(&Reading{backend: d.space.backend, flights: []*Flight{f}})
	}
	return f
}

// readUntilReplaced is the loop. It reads the document until it has another version
// or the rotation window has passed. While the backend fails it goes on for a
// minute after a caller last asked, so that it sees a rotation that happened during
// an outage when the outage ends. f is the read that is under way already.
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

// awaits reports whether the loop must go on.
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
