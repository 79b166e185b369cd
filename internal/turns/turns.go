// Package turns says who may try a version of a secret that was rejected, and
// when (DESIGN.md 5, Rejected versions): a password that is simply wrong is
// tried once by each who uses it, and then rarely, however many workers there
// are, so that no account and no host gets locked.
//
// A rejection is of a version by one [Consumer], as a database refuses what
// another accepts. A consumer's first try of a version is free. Its later
// tries share one schedule with those of all others in the process, kept in
// the [Ledger] of the document. A consumer for which a version has worked goes
// on freely until the version is refused to itself.
//
// Everything here is safe for concurrent use. The locks are leaves: nothing is
// called while one is held.
package turns

import (
	"context"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A Situation is how the document stands that a version was cut from.
type Situation struct {
	Ledger     *Ledger // of the document; nil: no version of it was ever rejected
	Superseded bool    // another version is held by now: get that and enter again
	Settled    bool    // nobody looks for another version any more
	Outage     error   // why the backend cannot be asked for another one; nil: it can
}

// A Call is one call of Retry, which may try several versions.
type Call struct {
	Consumer *Consumer // nil: one who did not say who it is

	version string    // the last that this call was refused
	first   time.Time // when it was refused that for the first time
	last    error     // what it was refused with; nil: nothing was
}

// Last returns what the call's own last try was refused with, or nil.
func (c *Call) Last() error { return c.last }

func (c *Call) rejected(version string, why error, now time.Time) {
	if c.last == nil || c.version != version {
		c.version, c.first = version, now
	}
	c.last = why
}

// end returns until when the call waits for its turn, or for another version.
func (c *Call) end(version string, entered time.Time) time.Time {
	if c.last != nil && c.version == version {
		return c.first.Add(policy.RotationWindow)
	}
	return entered.Add(policy.RotationWindow)
}

// Enter waits until the call may try the version, at most until the rotation
// window ends that began with its first rejection. look tells how the document
// stands; it is called before each wait and may start a read. Its error is
// returned as it is.
//
// The pass is nil if the version was superseded. The error is a [*Refused] if
// the version may not be tried, and the context's if ctx ends while another
// worker of the same consumer makes the first try.
func Enter(ctx context.Context, version string, call *Call, look func(waited bool) (Situation, error)) (*Pass, error) {
	entered := time.Now()
	for waited := false; ; waited = true {
		st, err := look(waited)
		if err != nil || st.Superseded {
			return nil, err
		}
		now := time.Now()
		w, pass := admit(version, call, st, now, entered)
		switch {
		case pass != nil:
			return pass, nil
		case w.refused != nil:
			w.leave()
			return nil, w.refused
		}
		err = w.wait(ctx, now)
		w.leave()
		if err != nil {
			if st.Ledger.refuses(version, call.Consumer) {
				refused := st.Ledger.refusal(version, call, st, time.Now())
				refused.Ended = err
				return nil, refused
			}
			return nil, err
		}
	}
}

// A wait is for whatever comes first of changed and until; until zero: for
// changed alone.
type wait struct {
	changed <-chan struct{}
	until   time.Time
	refused *Refused // there is nothing to wait for
	leave   func()
}

// admit gives a pass, or says what to wait for.
func admit(version string, call *Call, st Situation, now, entered time.Time) (wait, *Pass) {
	who := call.Consumer
	pass := &Pass{call: call, version: version}
	if who.accepts(version) {
		return wait{}, pass
	}
	if st.Ledger.refuses(version, who) {
		pass.ledger = st.Ledger
		return st.Ledger.turn(version, call, st, now, call.end(version, entered), pass)
	}
	t, mine := who.try(version, now)
	if mine {
		pass.trial = t
	}
	if t == nil || mine {
		return wait{}, pass
	}
	return wait{changed: t.done, until: t.slowAt, leave: func() {}}, nil
}

func (w wait) wait(ctx context.Context, now time.Time) error {
	timer := time.NewTimer(w.until.Sub(now))
	defer timer.Stop()
	select {
	case <-w.changed:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// Free returns a pass for a version that nobody has rejected.
func Free(call *Call, version string) *Pass { return &Pass{call: call, version: version} }

// A Pass is the leave to try a version once. It ends with the first call of
// Accept, Reject or Release; the others do nothing after it, so that a
// deferred Release gives the turn back even if the try panics.
type Pass struct {
	call    *Call
	version string
	ledger  *Ledger // whose turn it is; nil: the try was free
	trial   *trial  // the consumer's first try of the version; nil: it is not
	ended   bool
}

// Accept says that the version worked. l is the ledger of the document, nil if
// there is none.
//
// A consumer that says who it is may have had nothing to try, as a pool that
// had a connection left: for such a one Accept is [Pass.Release], and only
// [Consumer.Accept] counts.
func (p *Pass) Accept(l *Ledger) {
	if p.call.Consumer != nil {
		p.Release()
		return
	}
	p.end(func() { l.clear(p.version, nil) })
}

// Reject says that the version was refused, with the error why, and notes it
// in l, the ledger of the document. It reports whether that is news: the first
// rejection of the version, or the first by this consumer.
func (p *Pass) Reject(l *Ledger, why error) (news bool) {
	p.end(func() {
		now := time.Now()
		p.call.rejected(p.version, why, now)
		p.call.Consumer.refuse(p.version, l)
		news = l.reject(p, why, now)
	})
	return news
}

// Note keeps a rejection for the call whose version is not held any more, and
// ends the pass.
func (p *Pass) Note(why error) {
	p.call.rejected(p.version, why, time.Now())
	p.Release()
}

// Release ends a try of which nothing is known.
func (p *Pass) Release() { p.end(func() {}) }

func (p *Pass) end(say func()) {
	if p.ended {
		return
	}
	p.ended = true
	say()
	if p.ledger != nil {
		p.ledger.giveBack(p)
	}
	if p.trial != nil {
		p.call.Consumer.tried(p.trial)
	}
}
