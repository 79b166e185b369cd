package policy

import "time"

// A Pace spaces what somebody else's word brings about: a few at once, and then
// ever longer until it has been quiet for a while. A backend that tells of a
// change whenever it is read would otherwise be read without a pause. The zero
// Pace is ready; it is for one goroutine at a time.
type Pace struct {
	last int64 // when the last one was let go, or will be
	run  uint8 // how many have come since it was quiet
}

const (
	paceFree  = 64                    // as many are let go at once
	paceFirst = 10 * time.Millisecond // before the next, doubling
	paceMost  = time.Second
)

// Next returns when the next one may go, in ns on the clock of now: now, unless
// there have been many of late.
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
