package fleet

import (
	"cmp"
	"slices"
	"time"
)

// settleAll tells documents what came of their read.
func (p *process) settleAll(c *chunk, docs []int, got []outcome) {
	if len(docs) == 0 {
		return
	}
	p.judge(c.refresh, got)
	together := p.memory(docs, got)
	for n, i := range docs {
		d := &p.docs[i]
		if got[n] == answered {
			*d = document{held: true, queued: true, fetched: p.now, next: p.now + time.Duration(float64(p.TTL)*c.spread)}
			p.wakeBefore(d.next)
			continue
		}
		d.until = p.now + together
		if p.Apart {
			d.until = p.now + p.memory(docs[n:n+1], got[n:n+1])
		}
		d.failures++
		if d.held {
			// Both failures speak of the provider, whose backoff it waits for.
			d.next, d.queued = p.now, true
			p.wakeBefore(d.next)
		}
	}
}

// memory draws for how long the failures of one read are remembered.
func (p *process) memory(docs []int, got []outcome) time.Duration {
	failures, after := 0, time.Duration(0)
	for n, i := range docs {
		if got[n] == answered {
			continue
		}
		failures = max(failures, p.docs[i].failures)
		if got[n] == throttled {
			after = p.service.RetryAfter
		}
	}
	return p.chance.Memory(failures+1, after)
}

// judge sets the provider's backoff by what a read said.
func (p *process) judge(refresh bool, got []outcome) {
	if refresh {
		p.probing = false
	}
	var after time.Duration
	for _, o := range got {
		switch o {
		case answered:
			p.failures, p.retryAt = 0, 0
			return
		case throttled:
			after = p.service.RetryAfter
		}
	}
	if refresh && p.now >= p.retryAt {
		p.failures++
		p.retryAt = p.now + p.chance.Refresh(p.failures, after)
	}
}

// wakeBefore has the refresher look at the time at, if it would do so only
// later.
func (p *process) wakeBefore(at time.Duration) {
	at = max(at, p.now+1) // after what happens now
	if p.wakeAt > p.now && p.wakeAt <= at {
		return
	}
	p.wakeAt = at
	life := p.life
	p.after(at-p.now, func() {
		if p.life == life && p.wakeAt == at {
			p.wakeAt = 0
			p.refreshDue()
		}
	})
}

// refreshDue starts the reads that are due, and says when to look again.
func (p *process) refreshDue() {
	for {
		first := -1
		for i := range p.docs {
			if p.docs[i].queued && (first < 0 || p.docs[i].next < p.docs[first].next) {
				first = i
			}
		}
		switch {
		case first < 0:
			return
		case p.docs[first].next > p.now:
			p.wakeBefore(p.docs[first].next)
			return
		case p.retryAt > p.now:
			p.wakeBefore(p.retryAt)
			return
		case p.probing || p.groups >= maxRefreshes:
			return // the end of a read wakes the refresher
		}
		docs := p.gather()
		p.probing = p.failures > 0
		p.groups++
		life := p.life
		p.read(docs, true, maxRefreshes, func() {
			if p.life == life {
				p.groups--
				p.wakeBefore(p.now)
			}
		})
	}
}

// gather takes what is due, and with it what is due within a tenth of the TTL.
func (p *process) gather() []int {
	horizon, most := p.now+p.TTL/horizonPart, 1
	if p.grouped() {
		most = maxBatch
	}
	var docs []int
	for i := range p.docs {
		if p.docs[i].queued && p.docs[i].next <= horizon {
			docs = append(docs, i)
		}
	}
	slices.SortStableFunc(docs, func(a, b int) int { return cmp.Compare(p.docs[a].next, p.docs[b].next) })
	docs = docs[:min(len(docs), most)]
	for _, i := range docs {
		p.docs[i].queued = false
	}
	return docs
}
