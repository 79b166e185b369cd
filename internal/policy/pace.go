package policy

import "time"

// A Pace spaces reactions to another's events: the first go at once, and then the
// pauses between them grow until no event has come for a while. Without it, a
// backend that reports a change whenever it is read would be read without a pause.
// The zero Pace is ready to use, by one goroutine at a time.
type Pace struct {
	last int64 // when the last reaction went, or will go
	run  uint8 // how many events have come since the last quiet time
}

const (
	paceFree  = 64                    // reactions that go at once
	paceFirst = 10 * time.Millisecond // the first pause; each next is twice as long
	paceMost  = time.Second           // the longest pause; twice as long without an event is a quiet time
)

// Next returns when the next reaction may go, in ns on the clock of now: now,
// unless there were many in a short time.
func (p *Pace) Next(now int64) int64 {
	if now-p.last >= 2*int64(paceMost) {
		p.run = 0
	}
	at := now
	if p.run >= paceFree {
		at = max(now, p.last+int64(Doubling(int(p.run-paceFree)+1, paceFirst, paceMost)))
	}
	p.run = min(p.run+1, paceFree+10)
	p.last = at
	return at
}
