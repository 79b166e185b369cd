package secrets

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A pace spaces what a provider or a change wakes: a few at once, and then ever
// longer until it has been quiet for a while. A provider that tells of a change
// whenever it is read would otherwise be read without a pause.
type pace struct {
	last int64 // when the last one was let go, or will be
	run  uint8 // how many have come since it was quiet
}

const (
	paceFree  = 64                    // as many are let go at once
	paceFirst = 10 * time.Millisecond // before the next, doubling
	paceMost  = time.Second
)

// next returns when the next one may go, which is now unless there have been
// many of late.
func (p *pace) next(now int64) int64 {
	if now-p.last >= 2*int64(paceMost) {
		p.run = 0
	}
	at := now
	if p.run >= paceFree {
		at = max(now, p.last+int64(policy.Doubling(int(p.run-paceFree)+1, paceFirst, paceMost)))
	}
	p.run = min(p.run+1, paceFree+10)
	p.last = at
	return at
}

// leastBetween is the least time between two refreshes of a document that its
// TTL brings about.
const leastBetween = int64(10 * time.Millisecond)
