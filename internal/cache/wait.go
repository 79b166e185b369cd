package cache

import (
	"context"
	"time"
)

// A Waiter waits for reads on behalf of others, who may leave. It is used with
// the lock, and by one goroutine.
type Waiter struct {
	retry bool          // those who wait have what fails tried again
	gone  chan struct{} // closed when nobody waits any more

	// Guarded by Cache.mu.
	flights  []*Flight  // for which it waits
	readings []*Reading // that it is to make itself
	joined   bool       // another makes some of them
}

// NewWaiter returns a Waiter. retry: what was never held is tried until the
// timeout while it fails.
func NewWaiter(retry bool) *Waiter { return &Waiter{retry: retry, gone: make(chan struct{})} }

// wants reports whether somebody waits who has what fails tried again.
func (w *Waiter) wants() bool { return w.retry && !w.Deserted() }

// Deserted reports whether nobody waits any more.
func (w *Waiter) Deserted() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// Retry has what the Waiter waits for tried again from now on.
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

// Claim has a Waiter wait for a read of a document, which it makes itself if
// nobody has begun one.
func (tx Tx) Claim(w *Waiter, d *Doc) {
	tx.cache()
	f, mine := tx.claim(d)
	tx.expect(w, f)
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

// expect has a Waiter wait for a flight, once, and keeps its document until the
// Waiter has looked at it.
func (tx Tx) expect(w *Waiter, f *Flight) {
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

// Look ends the wait for what was claimed: the caller looks at it now. It
// reports whether anything was.
func (tx Tx) Look(w *Waiter) {
	tx.cache()
	wants := w.wants()
	for _, f := range w.flights {
		if wants {
			f.wanted--
		}
		f.doc.pins--
	}
	w.flights, w.readings, w.joined = nil, nil, false
}

// Leave tells a Waiter that nobody waits for it any more.
func (tx Tx) Leave(w *Waiter) {
	tx.cache()
	if w.wants() {
		for _, f := range w.flights {
			if f.wanted--; f.wanted == 0 && f.deserted != nil {
				select {
				case f.deserted <- struct{}{}:
				default: // one is there
				}
			}
		}
	}
	close(w.gone)
}

// Waits reports whether a Waiter has claimed anything since Look.
func (tx Tx) Waits(w *Waiter) bool {
	tx.cache()
	return len(w.flights) > 0
}

// Wait makes the reads that a Waiter has claimed, without the lock, and waits
// for them and for those that it has joined. abandoned: a read was never made,
// since those who waited for it have left. If a Source does not return in
// time, another goroutine that runs instead goes on (or the Cache is closed, and
// closed is called), and Wait, when it returns at last, reports false.
func (c *Cache) Wait(w *Waiter, instead func(), closed func(tx Tx)) (abandoned, goOn bool) {
	tx := c.Lock()
	flights, readings, joined := w.flights, w.readings, w.joined
	w.readings = nil
	tx.Unlock()
	if len(readings) == 1 && !joined {
		if !c.readInline(w, readings[0], instead, closed) {
			return false, false
		}
	} else {
		for _, rd := range readings {
			c.Go(func() { c.read(rd, w.gone) })
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
func (c *Cache) readInline(w *Waiter, rd *Reading, instead func(), closed func(tx Tx)) bool {
	returned, overdue := false, false // guarded by the lock; at most one is set
	rd.overdue = func() {
		tx := c.Lock()
		defer tx.Unlock()
		switch {
		case returned || overdue:
		case c.closed:
			overdue = true
			closed(tx)
		default:
			overdue = true
			c.Go(instead)
		}
	}
	c.read(rd, w.gone)
	tx := c.Lock()
	defer tx.Unlock()
	returned = !overdue
	return returned
}

// Pin keeps a document from being forgotten: each Pin of 1 until one of -1.
func (tx Tx) Pin(d *Doc, n int) {
	tx.cache()
	d.pins += int32(n)
}

// A Query says what may be taken for known.
type Query struct {
	Need    Need
	Since   int64 // LastRead when the question was first asked
	Began   int64 // the time then
	Program bool  // the program asks by itself; otherwise a name may be input
}

// A Need says how fresh an answer must be.
type Need uint8

// The needs, the least first.
const (
	NeedHeld  Need = iota // what is held or remembered
	NeedRead              // what was read since, or is leased: a TTL of zero
	NeedFresh             // what was read since
)

// A Known is what is known of a document: a version, or why there is none.
type Known struct {
	Version *Version
	Err     error
	Kind    Kind
	Age     time.Duration // of a failure that is remembered; 0: it was found out for this question
}

// Known returns what is known of a document. It reports false if that must be
// read.
func (tx Tx) Known(d *Doc, q Query) (Known, bool) {
	now := tx.Now()
	if d.servable(now) && !d.gone() && (q.Need == NeedHeld || d.version.read > q.Since || q.Need == NeedRead && d.leased()) {
		return Known{Version: d.version}, true
	}
	if t := d.trouble; t != nil && t.err != nil {
		switch {
		case t.at > q.Since:
			return Known{Err: t.err, Kind: t.kind}, true
		case q.Program && !d.Program && t.kind == Invalid: // who asks may make a difference
		case q.Need == NeedHeld && q.Began < t.until && d.flight == nil:
			return Known{Err: t.err, Kind: t.kind, Age: time.Duration(now - t.at)}, true
		}
	}
	return Known{}, false
}

// RememberedUntil returns until when a failure of a document that may be over
// soon is remembered; 0: there is none.
func (tx Tx) RememberedUntil(d *Doc) int64 {
	tx.cache()
	if t := d.trouble; t != nil && t.err != nil && t.kind.Passes() {
		return t.until
	}
	return 0
}

// A Read is a read that is under way.
type Read struct {
	Since time.Duration // it began as long ago
	Last  error         // what the backend has said so far; nil: nothing
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

// Await waits for a channel, for at most d and until ctx ends. It reports
// whether waiting again is worth it.
func Await(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(d):
	case <-ctx.Done():
	}
	return false
}
