package turns

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// maxVersions is how many versions of a document are remembered as rejected.
const maxVersions = 4

// A Ledger records which versions of a document were rejected, and by which
// consumers. A nil Ledger has no records.
type Ledger struct {
	mu       sync.Mutex // guards what follows
	versions []*rejection
	changed  chan struct{} // closed, and replaced by another, at each change
}

// A rejection is a version that was rejected by at least one consumer.
type rejection struct {
	version string
	first   time.Time
	latest  time.Time
	turnAt  time.Time         // when it may be tried again
	turns   int               // how many turns it has had
	trying  *Pass             // the pass that has the turn; nil: none
	tried   *Consumer         // that had the last turn
	refused []*Consumer       // that rejected it; nil among them is the anonymous one
	waiting map[*Consumer]int // how many callers wait for a turn
	why     error             // of the last rejection
}

// NewLedger returns a ledger without a rejection.
func NewLedger() *Ledger { return &Ledger{changed: make(chan struct{})} }

// Notify wakes the callers that wait, so that they look at the document again: it
// has another version, or the search for one has ended, or it is gone.
func (l *Ledger) Notify() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notify()
}

func (l *Ledger) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// RejectedAt returns when the version was last rejected; zero: it was not.
func (l *Ledger) RejectedAt(version string) time.Time {
	if l == nil {
		return time.Time{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.find(version); r != nil {
		return r.latest
	}
	return time.Time{}
}

// Reject records that the anonymous consumer rejected a version, outside of a try.
// It reports whether that is news.
func (l *Ledger) Reject(version string) (news bool) {
	return l.reject(&Pass{version: version, call: new(Call)}, nil, time.Now())
}

func (l *Ledger) find(version string) *rejection {
	for _, r := range l.versions {
		if r.version == version {
			return r
		}
	}
	return nil
}

func (l *Ledger) refuses(version string, who *Consumer) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.find(version)
	return r != nil && slices.Contains(r.refused, who)
}

// reject records that a try was rejected.
func (l *Ledger) reject(p *Pass, why error, now time.Time) (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	version, who := p.version, p.call.Consumer
	r := l.find(version)
	switch {
	case r == nil:
		r = &rejection{version: version, first: now, turnAt: now.Add(policy.Turn(0)), waiting: map[*Consumer]int{}}
		if l.versions = append(l.versions, r); len(l.versions) > maxVersions {
			l.versions = l.versions[1:]
		}
	case r.trying == p:
		r.trying = nil
		r.turns++
		r.turnAt = now.Add(policy.Turn(r.turns))
	}
	if !slices.Contains(r.refused, who) {
		r.refused = append(r.refused, who)
		news = true
	}
	r.latest = now
	if why != nil {
		r.why = why
	}
	l.notify()
	return news
}

// clear removes the record that the consumer who rejected the version, and the record
// of the version if no other consumer has rejected it.
func (l *Ledger) clear(version string, who *Consumer) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.find(version)
	if r == nil {
		return
	}
	r.refused = slices.DeleteFunc(r.refused, func(c *Consumer) bool { return c == who })
	if len(r.refused) == 0 {
		l.versions = slices.DeleteFunc(l.versions, func(o *rejection) bool { return o == r })
	}
	l.notify()
}

// turn returns a pass if the version may be tried now, and otherwise a wait. A
// consumer does not get two turns in a row while another waits for one.
func (l *Ledger) turn(version string, call *Call, st Situation, now, end time.Time, pass *Pass) (wait, *Pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	who := call.Consumer
	r := l.find(version)
	if r == nil { // somebody accepted it just now
		return wait{changed: l.changed, until: now, release: func() {}}, nil
	}
	others := len(r.waiting) > 1 || len(r.waiting) == 1 && r.waiting[who] == 0
	due := !now.Before(r.turnAt) && r.trying == nil
	switch {
	case due && (r.turns == 0 || r.tried != who || !others):
		r.trying, r.tried = pass, who
		return wait{}, pass
	case !now.Before(end), st.Settled:
		return wait{refused: r.refusal(call, st, now), release: func() {}}, nil
	}
	until := end
	if r.trying == nil && !due && r.turnAt.Before(until) {
		until = r.turnAt
	}
	r.waiting[who]++
	return wait{changed: l.changed, until: until, release: func() { l.stopWaiting(r, who) }}, nil
}

func (l *Ledger) stopWaiting(r *rejection, who *Consumer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.waiting[who]--; r.waiting[who] == 0 {
		delete(r.waiting, who)
	}
}

// giveBack ends a turn in which the version was neither accepted nor rejected.
func (l *Ledger) giveBack(p *Pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.find(p.version); r != nil && r.trying == p {
		r.trying = nil
		r.turnAt = time.Now().Add(policy.TurnAgain)
		l.notify()
	}
}

func (l *Ledger) refusal(version string, call *Call, st Situation, now time.Time) *Refused {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.find(version); r != nil {
		return r.refusal(call, st, now)
	}
	return &Refused{Version: version, Outage: st.Outage, Why: call.last}
}

func (r *rejection) refusal(call *Call, st Situation, now time.Time) *Refused {
	why := call.last
	if why == nil {
		why = r.why
	}
	return &Refused{Version: r.version, Ago: now.Sub(r.first), Wait: max(0, r.turnAt.Sub(now)), Outage: st.Outage, Why: why}
}

// Refused is the error of a caller that may not try a rejected version.
type Refused struct {
	Version string
	Ago     time.Duration // since the first rejection
	Wait    time.Duration // until the next turn
	Outage  error         // why the backend cannot be read for another version; nil: it was read and has none
	Why     error         // the error of the caller's own rejection, or else of the last one; may be nil
	Ended   error         // of the caller's context, if that ended first
	Alone   bool          // the version is not held, and no ledger has its turns
}

// Error names the version, when it was rejected, and when it is tried again.
func (e *Refused) Error() string {
	ago := e.Ago.Round(time.Second)
	var text string
	switch {
	case e.Alone:
		text = fmt.Sprintf("version %s was rejected and there is no other", e.Version)
	case e.Outage != nil:
		text = fmt.Sprintf("version %s was rejected %v ago and the backend cannot be asked for another (%v)", e.Version, ago, e.Outage)
	default:
		text = fmt.Sprintf("version %s was rejected %v ago and the backend has no other; it is tried again in %v", e.Version, ago, e.Wait.Round(time.Second))
	}
	if e.Why != nil {
		text += ": " + e.Why.Error()
	}
	if e.Ended != nil {
		text += " (" + e.Ended.Error() + " while waiting for another version)"
	}
	return text
}

// Unwrap returns the rejection, and the error of the context. The outage is in the
// text and not wrapped, since an error has one class.
func (e *Refused) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Why, e.Ended} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
