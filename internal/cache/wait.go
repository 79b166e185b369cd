package cache

import (
	"context"
	"time"
)

// A Waiter waits for reads on behalf of callers, which may stop waiting. It is used
// with the lock, and by one goroutine.
type Waiter struct {
	retry     bool          // a transient failure is tried again
	cancelled chan struct{} // closed when nobody waits any more

	// Guarded by Cache.mu.
	flights  []*Flight  // for which it waits
	readings []*Reading // that it must make itself
	joined   bool       // some of the flights are another's to read
}

// NewWaiter returns a Waiter. retry: a document that was never held is tried again
// until the timeout, if the failure is transient.
func NewWaiter(retry bool) *Waiter { return &Waiter{retry: retry, cancelled: make(chan struct{})} }

// wants reports whether somebody waits, and a transient failure is tried again.
func (w *Waiter) wants() bool { return w.retry && !w.Cancelled() }

// Cancelled reports whether nobody waits any more.
func (w *Waiter) Cancelled() bool {
	select {
	case <-w.cancelled:
		return true
	default:
		return false
	}
}

// Retry sets that transient failures are tried again from now on.
func (tx Tx) Retry(w *Waiter) {
	tx.cache()
	if w.retry {
		return
	}
	w.retry = true
	for _, f := range w.flights {
		f.wanted++
	}
}

// Claim makes a Waiter wait for a read of a document. If no read is under way the
// Waiter must make it itself.
func (tx Tx) Claim(w *Waiter, d *Doc) {
	tx.cache()
	f, mine := tx.claim(d)
	tx.waitOn(w, f)
	if !mine { // another reads it, or this Waiter for several names
		w.joined = true
		return
	}
	for _, rd := range w.readings {
		if rd.backend == d.space.backend {
			rd.flights = append(rd.flights, f)
			return
		}
	}
	w.readings = append(w.readings, &Reading{backend: d.space.backend, searched: true, flights: []*Flight{f}})
}

// waitOn makes a Waiter wait for a flight, once, and pins its document until Reset.
func (tx Tx) waitOn(w *Waiter, f *Flight) {
	if f.waiter == w {
		return
	}
	f.waiter = w
	w.flights = append(w.flights, f)
	if w.wants() {
		f.wanted++
	}
	f.doc.pins++
}

// Reset ends the claims of a Waiter, whose documents the caller looks at now.
func (tx Tx) Reset(w *Waiter) {
	tx.cache()
	wants := w.wants()
	for _, f := range w.flights {
		if wants {
			f.wanted--
		}
		tx.Unpin(f.doc)
	}
	w.flights, w.readings, w.joined = nil, nil, false
}

// Cancel tells a Waiter that nobody waits for it any more.
func (tx Tx) Cancel(w *Waiter) {
	tx.cache()
	if w.wants() {
		for _, f := range w.flights {
			if f.wanted--; f.wanted == 0 && f.unwanted != nil {
				select {
				case f.unwanted <- struct{}{}:
				default: // one is there
				}
			}
		}
	}
	close(w.cancelled)
}

// Claimed reports whether a Waiter has claimed anything since Reset.
func (tx Tx) Claimed(w *Waiter) bool {
	tx.cache()
	return len(w.flights) > 0
}

// A Task is what a Waiter waits for.
type Task interface {
	Continue()     // on a goroutine of its own
	Abandon(tx Tx) // the Cache is closed
}

// Wait makes the reads that a Waiter has claimed, and waits for them and for the
// reads of others that it has claimed, too. It is called without the lock.
// abandoned: a read was never made, because all its callers stopped waiting. If a
// Source does not return in time, another goroutine continues the task (or, if the
// Cache is closed, abandons it); when Wait returns at last, goOn is false.
func (c *Cache) Wait(w *Waiter, task Task) (abandoned, goOn bool) {
	tx := c.Lock()
	flights, readings, joined := w.flights, w.readings, w.joined
	w.readings = nil
	tx.Unlock()
	if len(readings) == 1 && !joined {
		if !c.readInline(w, readings[0], task) {
			return false, false
		}
	} else {
		for _, rd := range readings {
			c.Go(func() { c.read(rd, w.cancelled) })
		}
	}
	for _, f := range flights {
		select {
		case <-f.done:
			abandoned = abandoned || f.abandoned
		case <-c.ctx.Done():
		}
	}
	return abandoned, true
}

// readInline reads on the goroutine of the Waiter, which is the usual case.
func (c *Cache) readInline(w *Waiter, rd *Reading, task Task) bool {
	returned, late := false, false // guarded by the lock; at most one is set
	rd.onLate = func() {
		tx := c.Lock()
		defer tx.Unlock()
		switch {
		case returned || late:
		case c.closed:
			late = true
			task.Abandon(tx)
		default:
			late = true
			c.Go(task.Continue)
		}
	}
	c.read(rd, w.cancelled)
	tx := c.Lock()
	defer tx.Unlock()
	returned = !late
	return returned
}

// Pin keeps a document from being evicted, until Unpin.
func (tx Tx) Pin(d *Doc) {
	tx.cache()
	d.pins++
}

// Unpin ends a Pin. A document that was released meanwhile goes with its last.
func (tx Tx) Unpin(d *Doc) {
	tx.cache()
	if d.pins--; d.pins == 0 && d.released {
		d.released = false
		tx.Release(d)
	}
}

// A Query says which knowledge of a document is good enough.
type Query struct {
	Need    Need
	Since   int64 // LastRead when the search began
	Began   int64 // the time when the search began
	Program bool  // the name is the program's own (Bind, Load …), and cannot be input of a user
}

// A Need says how fresh an answer must be.
type Need uint8

// The needs, the least first.
const (
	NeedHeld  Need = iota // a held version or a remembered failure
	NeedRead              // the result of a read after Since, or a leased version: for a TTL of zero
	NeedFresh             // the result of a read after Since
)

// A Known is the knowledge of a document: a version, or why there is none.
type Known struct {
	Version *Version
	Err     error
	Kind    Kind
	Age     time.Duration // of a remembered failure; 0: the read was made for this search
}

// Known returns the version of a document, or its failure, if that is good enough for
// the query. It reports false if the document must be read first.
func (tx Tx) Known(d *Doc, q Query) (Known, bool) {
	now := tx.Now()
	if d.servable(now) && !d.gone() && (q.Need == NeedHeld || d.version.read > q.Since || q.Need == NeedRead && d.leased()) {
		return Known{Version: d.version}, true
	}
	if t := d.trouble; t != nil && t.err != nil {
		switch {
		case t.at > q.Since:
			return Known{Err: t.err, Kind: t.kind}, true
		case q.Program && !d.Program && t.kind == Invalid: // for the program itself the backend may answer otherwise
		case q.Need == NeedHeld && q.Began < t.until && d.flight == nil:
			return Known{Err: t.err, Kind: t.kind, Age: time.Duration(now - t.at)}, true
		}
	}
	return Known{}, false
}

// RememberedUntil returns until when a transient failure of a document is
// remembered; 0: there is none.
func (tx Tx) RememberedUntil(d *Doc) int64 {
	tx.cache()
	if t := d.trouble; t != nil && t.err != nil && t.kind.Transient() {
		return t.until
	}
	return 0
}

// A Read is a read that is under way.
type Read struct {
	Since time.Duration // how long ago it began
	Last  error         // of its last try; nil: none has ended
}

// Reading returns the read of a document that is under way; ok is false if
// there is none.
func (tx Tx) Reading(d *Doc) (r Read, ok bool) {
	f := d.flight
	if f == nil {
		return r, false
	}
	return Read{Since: time.Duration(tx.Now() - f.start), Last: f.last.Err}, true
}

// Await waits until done is closed, for at most d, or until ctx ends. It reports
// whether done was closed.
func Await(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(d):
	case <-ctx.Done():
	}
	return false
}
