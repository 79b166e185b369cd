package secrets

import (
	"math/rand/v2"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

const (
	lookEvery  = int64(time.Second)     // at the clocks, while anything is held
	jumpSpread = int64(5 * time.Second) // over which reads after a jump are spread
	recheck    = 10                     // refreshes of a parent between two looks for exact documents
)

// wakeBefore has the refresher look at the time at, if it would do so only
// later. It is called with the lock held.
func (r *Resolver) wakeBefore(at int64) {
	if r.closed || r.onDemand {
		return
	}
	if !r.running {
		r.running = true
		r.wakeAt = r.now()
		r.spawn(r.refresher)
		return
	}
	if at < r.wakeAt {
		r.wakeAt = at
		r.wakeNow()
	}
}

// wakeNow has the refresher look now.
func (r *Resolver) wakeNow() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// refresher reads documents before they are asked for. It is one goroutine,
// and reads in others.
func (r *Resolver) refresher() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
		}
		r.lock()
		if r.closed {
			r.unlock()
			return
		}
		r.checkClock()
		now := r.now()
		r.expire(now)
		next := now + lookEvery
		for _, p := range r.providers {
			next = min(next, r.refreshDue(p, now))
		}
		if first := r.expiring.first(); first != nil {
			next = min(next, first.expires())
		}
		if now >= r.tidyAt {
			r.tidyAt = now + lookEvery
			r.tidy(now)
		}
		if r.held == 0 {
			r.running = false // the next document that is held starts it again
			r.unlock()
			return
		}
		r.wakeAt = next
		r.unlock()
		timer.Reset(time.Duration(next - now))
	}
}

// tidy does what is worth doing once a second.
func (r *Resolver) tidy(now int64) {
	if r.names.misses > 0 {
		r.names.promote() // names that are asked for again need not wait for their turn
	}
	r.forgetExpiredMissing(now)
	r.deletions(now, func(string, *deletion) {})
}

// expire takes out of Get's sight what may no longer be served.
func (r *Resolver) expire(now int64) {
	for d := r.expiring.first(); d != nil && d.expires() <= now; d = r.expiring.first() {
		r.expiring.remove(d)
		d.unpublish()
		d.expired = true
		for e := d.entries; e != nil; e = e.sibling {
			r.notify(e) // for what is made of it is out of date from now on
		}
		if r.recentlyUsed(d, now) {
			var err error
			if d.trouble != nil {
				err = d.trouble.err
			}
			r.tell(d.failure(EventExpired, now, err))
		}
	}
}

// refreshDue starts the reads of a provider that are due, and returns when to
// look at it again.
func (r *Resolver) refreshDue(p *provider, now int64) (next int64) {
	next = now + lookEvery
	for {
		d := p.due.first()
		if d == nil {
			return next
		}
		if d.next > now {
			return min(next, d.next)
		}
		if p.retryAt > now {
			return min(next, p.retryAt)
		}
		if p.probing || p.calls >= maxRefreshes {
			return next // the end of a read wakes the refresher
		}
		rd := &reading{provider: p, refresh: true}
		r.gather(rd, d, now)
		if len(rd.flights) == 0 {
			continue
		}
		p.probing = p.failures > 0
		calls := (len(rd.flights)*maxRefreshes + maxBatch - 1) / maxBatch
		p.calls += calls
		r.spawn(func() {
			r.refresh(rd)
			r.lock()
			p.calls -= calls
			r.unlock()
			r.wakeNow()
		})
	}
}

// gather takes a due document, and with it those of the same provider that are
// due within a tenth of its TTL. What is idle is left alone from then on.
func (r *Resolver) gather(rd *reading, first *document, now int64) {
	p := rd.provider
	horizon := policy.Add(now, first.ttl/10)
	most := (maxRefreshes - p.calls) * maxBatch / maxRefreshes
	if _, ok := p.given().(BatchProvider); !ok || p.batchAfter > now {
		most = 1
	}
	for d := p.due.first(); d != nil && d.next <= horizon && len(rd.flights) < most; d = p.due.first() {
		if d.leased() && len(rd.flights) > 0 {
			return // renewed by itself
		}
		p.due.remove(d)
		if x := d.value.extra(); d.next > now && x != nil && x.refresh != 0 {
			// The backend said when, and it is not yet.
			defer p.due.fix(d)
			continue
		}
		if r.noteUse(d, now); !r.inUse(d, now) {
			d.idle = true
			d.unpublish()
			continue
		}
		f, mine := r.claim(d)
		if !mine {
			continue // it is being read; that puts it back
		}
		rd.flights = append(rd.flights, f)
		if d.leased() {
			return
		}
		if d.rounds++; d.rounds%recheck == 0 {
			r.gatherExact(rd, d)
		}
	}
}

// gatherExact adds the documents of exactly the names that live in their
// parent d, so that a name that has got a document of its own moves there.
func (r *Resolver) gatherExact(rd *reading, d *document) {
	for e := d.entries; e != nil; e = e.sibling {
		if !e.part.parent || !e.part.site.exact {
			continue
		}
		exact := r.document(e.exact())
		if f, mine := r.claim(exact); mine {
			rd.flights = append(rd.flights, f)
			rd.movers = append(rd.movers, e.name)
		}
	}
}

// noteUse clears the flags that Get has set, and notes when that was.
func (r *Resolver) noteUse(d *document, now int64) {
	for e := d.entries; e != nil; e = e.sibling {
		if e.used.Load() {
			e.used.Store(false)
			d.lastUsed = now
		}
	}
}

// refresh reads what was gathered, or renews it if nobody waits for it, and moves
// names to documents of their own that it has found.
func (r *Resolver) refresh(rd *reading) {
	if rd.refresh && len(rd.flights) == 1 && rd.flights[0].doc.isLeased(r) {
		if r.renew(rd) {
			return
		}
	}
	defer r.moveAllToExact(rd.movers) // also if the provider ends this goroutine
	r.read(rd, nil)
}

// moveAllToExact moves what may have got a document of its own.
func (r *Resolver) moveAllToExact(names []string) {
	if len(names) == 0 {
		return
	}
	r.lock()
	defer r.unlock()
	for _, name := range names {
		r.moveToExact(name)
	}
}

// moveToExact moves a name from its parent to a document of its own, if there
// is one now.
func (r *Resolver) moveToExact(name string) {
	e := r.names.find(name)
	if e == nil || e.doc == nil || !e.part.parent {
		return
	}
	t, err := r.newTarget(name)
	if err != nil {
		return
	}
	exact := e.exact()
	d := exact.site.folder.docs[exact.path]
	switch {
	case d == nil || !d.usable(r.now()) || d.gone():
	case exact.site.follow != followNone: // it may be a reference, which a search follows
		r.relocate(e)
	default:
		_ = r.attach(t, exact, d, d.value) // what cannot be cut stays where it is
	}
}

// checkClock looks whether wall time has jumped. After a jump (the machine
// slept, the sandbox was frozen, the clock was set) everything is due; the
// jump counts towards ages once a read has failed.
func (r *Resolver) checkClock() {
	jump := int64(r.drift.jump(r.clock))
	if jump == 0 {
		return
	}
	now := r.now()
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				if d.value == nil {
					continue
				}
				t := d.troubles()
				t.jump = policy.Add(t.jump, jump)
				if d.idle || r.onDemand {
					d.next = min(d.next, now)
				} else {
					d.next = min(d.next, now+rand.Int64N(jumpSpread))
				}
				if d.due > 0 {
					p.due.fix(d)
				}
			}
		}
	}
}
