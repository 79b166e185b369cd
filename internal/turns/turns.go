// Package turns decides who may try a version of a secret that was rejected, and
// when (docs/rotation.md). Each consumer tries a wrong password once;
// after that the process tries it rarely, however many workers it has, so that no
// account and no host gets locked.
//
// A rejection is of one version by one [Consumer], since one database may refuse
// what another accepts. A consumer's first try of a version is free. All later
// tries in the process share one schedule, which the [Ledger] of the document
// keeps. A consumer for which a version has worked goes on using it freely, until
// the version is refused to this consumer itself.
//
// Everything here is safe for concurrent use. The locks are leaves: code that holds
// one calls nothing else.
package turns

import (
	"context"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A Situation is the state of the document from which a version was cut.
type Situation struct {
	Ledger     *Ledger // of the document; nil: no version of it was ever rejected
	Superseded bool    // another version is held by now: get that one and enter again
	Settled    bool    // the search for another version has ended
	Outage     error   // why the backend cannot be read for another version; nil: it can
}

// A Call is one call of Retry, which may try several versions.
type Call struct {
	Consumer *Consumer // nil: the anonymous one

	version string    // the last that was refused to this call
	first   time.Time // when that version was first refused to it
	last    error     // the error of the last refusal; nil: there was none
}

// Last returns the error with which the call's own last try was refused, or nil.
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

// Enter waits until the call may try the version. It waits at most until the end of
// the rotation window, which began with the first rejection. look returns the state
// of the document; Enter calls it before each wait, and look may start a read. Enter
// returns an error of look as it is.
//
// The pass is nil if the version was superseded. The error is a [*Refused] if
// the version may not be tried. It is the context's error if ctx ends while another
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
		case pass != nil && pass.trial != nil:
			// Another worker of the consumer may have been refused since look,
			// and have ended its first try, so that this one looks like the first.
			if st, err = look(waited); err != nil || st.Superseded || st.Ledger.refuses(version, call.Consumer) {
				pass.Release()
				continue
			}
			return pass, nil
		case pass != nil:
			return pass, nil
		case w.refused != nil:
			w.release()
			return nil, w.refused
		}
		err = w.wait(ctx, now)
		w.release()
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

// A wait ends when changed is closed, or at until; until zero: only when changed is
// closed.
type wait struct {
	changed <-chan struct{}
	until   time.Time
	refused *Refused // not nil: do not wait, the call may not try
	release func()
}

// admit returns a pass, or else a wait.
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
	return wait{changed: t.done, until: t.slowAt, release: func() {}}, nil
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

// A Pass is the permission to try a version once. It ends with the first call of
// Accept, Reject or Release, and later calls do nothing: so a deferred Release gives
// the turn back if the try panics.
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
// For a call with a Consumer, Accept is [Pass.Release], and only [Consumer.Accept]
// counts: such a call may have tried nothing, as when a pool still had an open
// connection.
func (p *Pass) Accept(l *Ledger) {
	if p.call.Consumer != nil {
		p.Release()
		return
	}
	p.end(func() { l.clear(p.version, nil) })
}

// Reject says that the version was refused, with the error why, and records it in
// l, the ledger of the document. It reports whether that is news: the first
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

// Note records a rejection in the call alone, for a version that is not held any
// more, and ends the pass.
func (p *Pass) Note(why error) {
	p.call.rejected(p.version, why, time.Now())
	p.Release()
}

// Release ends a try whose result is not known.
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
