package secrets

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	rotationWindow = 10 * time.Second // how long a backend may take to have what has replaced a rejected version
	windowBase     = 200 * time.Millisecond
	windowMost     = 3 * time.Second
	turnBase       = 5 * time.Second // between the turns in which a rejected version is tried again
	turnMost       = 5 * time.Minute
	patience       = time.Minute // for which a failing backend is read on after somebody asked
	maxRejections  = 4           // versions of a document that are remembered as rejected
)

// A rejection is a version that was shown to whom it is for, and refused. The
// backend may still return it: Secrets Manager moves AWSCURRENT after the
// database has changed, and GCP's latest is eventually consistent.
type rejection struct {
	_ notComparable

	version string
	at      time.Time // wall time, for Status
	since   int64
	window  int64         // until when the backend is read for another version
	turnAt  int64         // when the version may be tried again
	turns   int           // how often it was
	trying  bool          // somebody whose turn it is tries it now
	asked   int64         // when somebody last wanted another version
	reading bool          // the loop runs
	changed chan struct{} // closed and replaced whenever there is something to see
	err     error         // what the last one to reject it said
}

// turn wakes those who wait for what comes of the rejection.
func (rej *rejection) turn() {
	close(rej.changed)
	rej.changed = make(chan struct{})
}

// rejection returns what is known of a version's rejection, or nil.
//
//go:noinline
func (d *document) rejection(version string) *rejection {
	if d.trouble == nil {
		return nil
	}
	for _, rej := range d.trouble.rejections {
		if rej.version == version {
			return rej
		}
	}
	return nil
}

// Invalidate says that this version of a secret was rejected by whom it was
// shown to: a database, an API. If it is still the one that is held, it is
// read again, within the next 10 seconds until the backend has another one;
// Get waits for the first of these reads for at most a second. If a newer
// version is held, or s came from elsewhere, nothing happens.
func (r *Resolver) Invalidate(s Secret) {
	r.lock()
	if d, rej := r.reject(s, false, nil); rej != nil && d.flight != nil {
		d.flight.hold = r.now() + softWait
		d.unpublish()
	}
	r.unlock()
}

// reject notes that the version of s was rejected, and has the document read
// until there is another. turn says that the caller had the turn to try it. It
// returns nil if s is not what is held.
func (r *Resolver) reject(s Secret, turn bool, why error) (*document, *rejection) {
	snap := s.snapshot()
	if r.closed || snap.from == nil {
		return nil, nil
	}
	d := r.holder(snap.name)
	if d == nil || !d.value.same(snap.from) {
		if turn {
			r.endTurn(d, snap.from) // the version may come back
		}
		return nil, nil
	}
	now := r.now()
	rej := d.rejection(snap.from.version)
	if rej == nil {
		rej = &rejection{version: snap.from.version, since: now, turnAt: now + int64(turnBase), changed: make(chan struct{})}
		t := d.troubles()
		t.rejections = append(t.rejections, rej)
		if len(t.rejections) > maxRejections {
			t.rejections = t.rejections[1:]
		}
		r.anyRejected.Store(true)
		r.tell(d.event(EventRejected, now))
	} else if turn {
		rej.trying = false
		rej.turns++
		rej.turnAt = now + int64(step(turnBase, turnMost, rej.turns))
	}
	rej.at, rej.asked, rej.window = r.clock.wall(), now, now+int64(rotationWindow)
	if why != nil {
		rej.err = why
	}
	r.replace(d, rej)
	rej.turn()
	return d, rej
}

// replace has the loop that reads for another version run.
func (r *Resolver) replace(d *document, rej *rejection) {
	if rej.reading {
		return
	}
	rej.reading = true
	f, mine := r.claim(d)
	if mine {
		r.launch(f)
	}
	r.spawn(func() { r.readUntilReplaced(d, rej, f) })
}

// holder returns the document that a Secret of that name was cut from, if it
// is held.
func (r *Resolver) holder(name string) *document {
	for {
		if e := r.names.find(name); e != nil && e.doc != nil && e.doc.value != nil {
			return e.doc
		}
		// A Secret that Field returned has the name of the whole before its #.
		cut := lastHash(name)
		if cut < 0 {
			return nil
		}
		name = name[:cut]
	}
}

func lastHash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '#' {
			return i
		}
	}
	return -1
}

// readUntilReplaced is the one loop that reads a document whose version was
// rejected, until it has another or the rotation window has passed. While the
// backend fails it goes on for those who ask, so that a rotation during an
// outage is seen when the outage ends. f is the read that is under way already.
func (r *Resolver) readUntilReplaced(d *document, rej *rejection, f *flight) {
	for n := 0; ; n++ {
		r.lock()
		if r.closed || d.dropped || d.value.version != rej.version || d.rejection(rej.version) != rej ||
			r.now() >= rej.window && (!d.stale() || r.now() >= rej.asked+int64(patience)) {
			rej.reading = false
			rej.turn()
			r.unlock()
			return
		}
		if n > 0 {
			var mine bool
			if f, mine = r.claim(d); mine {
				r.launch(f)
			}
		}
		r.unlock()

		select {
		case <-f.done:
		case <-r.ctx.Done():
			return
		}
		r.lock()
		replaced := d.value.version != rej.version
		r.unlock()
		if replaced {
			continue
		}
		wait := step(windowBase, windowMost, n)
		wait = wait/2 + time.Duration(rand.Int64N(int64(wait/2)+1))
		select {
		case <-time.After(wait):
		case <-r.ctx.Done():
			return
		}
	}
}

// Retry calls fn with the secret, and again with another version if fn's error
// is one that rejected reports true for: the credentials were not accepted. A
// version that was rejected, by this caller or another, is replaced within the
// rotation window (10 seconds) if the backend has another one, and everybody
// waits for the same read. Failing that, it is tried again by one caller at a
// time, after 5 s, 10 s … 5 min, so that a password that is simply wrong locks
// no account; the other callers get an error that says so and wraps the last
// rejection.
//
// Retry returns nil once fn does, any error of fn that is no rejection, and
// otherwise the last rejection, or why there is no secret. fn must be fit to
// be called more than once.
func (r *Resolver) Retry(ctx context.Context, name string, rejected func(error) bool, fn func(context.Context, Secret) error) error {
	if rejected == nil || fn == nil {
		return &Error{Op: "retry", Name: name, Err: invalid("both functions must be given")}
	}
	var last error  // this caller's own rejection
	var lost string // the version it was of, if that is not held and nothing remembers that it was rejected
	for {
		s, err := r.Get(ctx, name)
		if err != nil {
			return err
		}
		if lost != "" && s.Version() == lost { // else the same would be tried again and again
			return &Error{Op: "retry", Name: name, Err: fmt.Errorf("%w: version %s was rejected and there is no other: %w", ErrUnauthenticated, lost, last)}
		}
		leave, err := r.mayTry(ctx, s, last)
		if err != nil {
			return err
		}
		if leave == superseded {
			continue
		}
		err = r.attempt(ctx, s, leave == turn, fn)
		if err == nil {
			r.accepted(s)
			return nil
		}
		if !rejected(err) {
			if leave == turn {
				r.untried(s)
			}
			return err
		}
		last, lost = err, ""
		r.lock()
		if _, rej := r.reject(s, leave == turn, err); rej == nil {
			lost = s.Version()
		}
		r.unlock()
	}
}

// attempt calls fn; a panic of it ends the turn.
func (r *Resolver) attempt(ctx context.Context, s Secret, hasTurn bool, fn func(context.Context, Secret) error) error {
	returned := false
	defer func() {
		if !returned && hasTurn {
			r.untried(s)
		}
	}()
	err := fn(ctx, s)
	returned = true
	return err
}

// A leave says whether a version may be tried.
type leave int

const (
	superseded leave = iota // another version is held by now, or it has become too old
	free                    // it was not rejected
	turn                    // it was, and it is this caller's turn
)

// mayTry waits until s may be tried, within the rotation window.
func (r *Resolver) mayTry(ctx context.Context, s Secret, last error) (leave, error) {
	if !r.anyRejected.Load() {
		return free, nil
	}
	snap := s.snapshot()
	giveUp := r.now() + int64(rotationWindow)
	for waited := false; ; waited = true {
		r.lock()
		if r.closed {
			r.unlock()
			return 0, &Error{Op: "retry", Name: snap.name, Err: ErrClosed}
		}
		d := r.holder(snap.name)
		if d == nil {
			r.unlock()
			if waited { // it was held, and rejected: Get knows whether there is another
				return superseded, nil
			}
			return free, nil
		}
		if d.value.version != snap.from.version {
			e := r.names.find(snap.name)
			behind := e != nil && e.doc == d && e.last.Version() == snap.from.version
			r.unlock()
			switch { // behind: its field is gone from the newer version, and Get has no other
			case behind && last != nil:
				return 0, &Error{Op: "retry", Name: snap.name, Ref: d.place(), Err: fmt.Errorf("%w: the newer version of the document lacks the field: %w", ErrUnauthenticated, last)}
			case behind:
				return free, nil
			}
			return superseded, nil
		}
		rej := d.rejection(snap.from.version)
		now := r.now()
		if waited && !d.usable(now) {
			r.unlock()
			return superseded, nil
		}
		if rej == nil {
			r.unlock()
			return free, nil
		}
		rej.asked = now
		if d.stale() {
			r.replace(d, rej)
		}
		switch {
		case now >= rej.turnAt && !rej.trying:
			rej.trying = true
			r.unlock()
			return turn, nil
		case now >= giveUp || now >= rej.window && !rej.reading:
			err := rej.refused(d, now, last)
			r.unlock()
			return 0, &Error{Op: "retry", Name: snap.name, Ref: d.place(), Err: err}
		}
		until := giveUp
		if !rej.trying {
			until = min(until, rej.turnAt)
		}
		changed := rej.changed
		r.unlock()

		timer := time.NewTimer(time.Duration(until - now))
		select {
		case <-changed:
		case <-timer.C:
		case <-r.ctx.Done():
		case <-ctx.Done():
			timer.Stop()
			if last != nil {
				return 0, fmt.Errorf("%w (%w while waiting for another version)", last, ctx.Err())
			}
			r.lock()
			err := rej.refused(d, r.now(), nil)
			r.unlock()
			return 0, &Error{Op: "retry", Name: snap.name, Err: fmt.Errorf("%w; %w", err, ctx.Err())}
		}
		timer.Stop()
	}
}

// refused is what a caller gets who may not try a rejected version.
func (rej *rejection) refused(d *document, now int64, last error) error {
	if last == nil {
		last = rej.err
	}
	wait := max(0, time.Duration(rej.turnAt-now)).Round(time.Second)
	text := fmt.Sprintf("version %s was rejected %v ago and the backend has no other; it is tried again in %v",
		rej.version, time.Duration(now-rej.since).Round(time.Second), wait)
	if d.stale() {
		text = fmt.Sprintf("version %s was rejected %v ago and the backend cannot be asked for another (%v)",
			rej.version, time.Duration(now-rej.since).Round(time.Second), d.trouble.err)
	}
	if last == nil {
		return fmt.Errorf("%w: %s", ErrUnauthenticated, text)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnauthenticated, text, last)
}

// accepted forgets that the version of s was rejected, if it was.
func (r *Resolver) accepted(s Secret) {
	snap := s.snapshot()
	if !r.anyRejected.Load() {
		return // the usual case, without the lock
	}
	r.lock()
	defer r.unlock()
	d := r.holder(snap.name)
	if d == nil || snap.from == nil || d.trouble == nil {
		return
	}
	for i, rej := range d.trouble.rejections {
		if rej.version == snap.from.version {
			rej.turn()
			d.trouble.rejections = append(d.trouble.rejections[:i:i], d.trouble.rejections[i+1:]...)
			return
		}
	}
}

// untried ends a turn in which the version was neither accepted nor rejected.
func (r *Resolver) untried(s Secret) {
	snap := s.snapshot()
	r.lock()
	r.endTurn(r.holder(snap.name), snap.from)
	r.unlock()
}

func (r *Resolver) endTurn(d *document, v *version) {
	if d == nil || v == nil {
		return
	}
	if rej := d.rejection(v.version); rej != nil && rej.trying {
		rej.trying = false
		rej.turnAt = r.now() + int64(time.Second)
		rej.turn()
	}
}
