package cache

import (
	"math/rand/v2"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

const (
	lookEvery  = int64(time.Second)     // between two looks at the clocks, while anything is held
	jumpSpread = int64(5 * time.Second) // over which reads after a jump are spread
	recheck    = 10                     // refreshes of a document between two that also read the documents of Owner.Along

	// leastBetween is the least time between two refreshes of a document for
	// its TTL; minRefresh is the least for a time that the backend gave, since
	// the backend's clock may be another than ours.
	leastBetween = int64(10 * time.Millisecond)
	minRefresh   = int64(time.Second)

	// leaseTTL is how often a lease with no end is read again where the TTL is 0.
	leaseTTL = int64(5 * time.Minute)
)

// schedule sets when the document is read again after a success; spread is the
// part of the TTL, drawn once for all documents that were read together.
func (tx Tx) schedule(d *Doc, spread float64) {
	d.idle = false
	v := d.version
	ttl := min(d.ttl, int64(tx.c.MaxStale)/10*9) // with a TTL beyond MaxStale, before it expires
	d.next = policy.Add(v.read, max(policy.Part(ttl, spread), leastBetween))
	switch x := v.extra; {
	case x == nil:
	case x.refresh > v.read:
		at := min(x.refresh, v.read+(d.expires()-v.read)/10*9)
		if d.ownTTL > 0 && !d.leased() {
			at = min(at, policy.Add(v.read, policy.Part(d.ownTTL, spread)))
		}
		d.next = max(at, v.read+minRefresh)
	case x.expiry != 0: // before it ends, whatever the TTL; a lease is kept with a TTL of 0, too
		before := v.read + max((x.expiry-v.read)/3*2, minRefresh)
		if d.ttl == 0 || before < d.next {
			d.next = before
		}
	case d.ttl == 0:
		d.next = policy.Add(v.read, leaseTTL)
	}
	tx.enqueue(d)
}

// enqueue puts the document into the heap of the refresher.
func (tx Tx) enqueue(d *Doc) {
	if tx.c.OnDemand || d.dropped || d.version == nil || !d.kept() {
		return
	}
	d.space.backend.due.fix(d)
	tx.wakeBefore(d.next)
}

// wakeBefore starts the refresher if it does not run, and wakes it if it would
// sleep beyond the time at.
func (tx Tx) wakeBefore(at int64) {
	c := tx.c
	switch {
	case c.closed || c.OnDemand:
	case !c.running:
		c.running = true
		c.wakeAt = tx.Now()
		c.Go(c.refresher)
	case at < c.wakeAt:
		c.wakeAt = at
		c.wakeNow()
	}
}

// wakeNow wakes the refresher.
func (c *Cache) wakeNow() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// refresher reads documents again before their TTL ends. It is one goroutine, and
// starts others for the reads. It ends when nothing is held.
func (c *Cache) refresher() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-timer.C:
		case <-c.wake:
		}
		tx := c.Lock()
		wait, more := tx.refreshAll()
		tx.Unlock()
		if !more {
			return
		}
		timer.Reset(wait)
	}
}

// refreshAll expires and reads what is due, and returns how long to wait for the
// next time; more is false if nothing is held.
func (tx Tx) refreshAll() (wait time.Duration, more bool) {
	c := tx.c
	if c.closed {
		return 0, false
	}
	tx.CheckClock()
	now := tx.Now()
	tx.expire(now)
	next := now + lookEvery
	for _, b := range c.backends {
		next = min(next, tx.refreshDue(b, now))
	}
	if first := c.expiring.first(); first != nil {
		next = min(next, first.expires())
	}
	if now >= c.tidyAt {
		c.tidyAt = now + lookEvery
		tx.forgetMissing(now)
		c.owner.Tick(tx)
	}
	if c.held == 0 {
		c.running = false // the next document that is held starts it again
		return 0, false
	}
	c.wakeAt = next
	return time.Duration(next - now), true
}

// expire expires the versions that may not be served any more.
func (tx Tx) expire(now int64) {
	c := tx.c
	for d := c.expiring.first(); d != nil && d.expires() <= now; d = c.expiring.first() {
		c.expiring.remove(d)
		d.expired = true
		c.owner.Changed(tx, d, Expired)
		if tx.recentlyUsed(d) {
			var err error
			if d.trouble != nil {
				err = d.trouble.err
			}
			c.owner.Report(tx, Event{Kind: EventExpired, Doc: d, Err: err})
		}
	}
}

// refreshDue starts the reads of a backend that are due, and returns when to
// look at it again.
func (tx Tx) refreshDue(b *Backend, now int64) (next int64) {
	c := tx.c
	next = now + lookEvery
	for {
		d := b.due.first()
		if d == nil {
			return next
		}
		if d.next > now {
			return min(next, d.next)
		}
		if b.retryAt > now {
			return min(next, b.retryAt)
		}
		if b.probing || b.calls >= maxRefreshes {
			return next // a read wakes the refresher when it ends
		}
		rd := &Reading{backend: b, refresh: true}
		tx.gather(rd, d, now)
		if len(rd.flights) == 0 {
			continue
		}
		b.probing = b.failures > 0
		calls := (len(rd.flights)*maxRefreshes + maxBatch - 1) / maxBatch
		b.calls += calls
		c.Go(func() {
			c.refreshOrRead(rd)
			tx := c.Lock()
			b.calls -= calls
			tx.Unlock()
			c.wakeNow()
		})
	}
}

// gather takes a due document, and with it the documents of the same backend that
// are due within a tenth of its TTL. A document that nobody uses it does not read,
// but marks as idle.
func (tx Tx) gather(rd *Reading, first *Doc, now int64) {
	b := rd.backend
	horizon := policy.Add(now, first.ttl/10)
	most := 1
	if b.Batch() > 1 {
		most = (maxRefreshes - b.calls) * maxBatch / maxRefreshes
	}
	for d := b.due.first(); d != nil && d.next <= horizon && len(rd.flights) < most; d = b.due.first() {
		if d.leased() && len(rd.flights) > 0 {
			return // a lease is renewed in a reading of its own
		}
		b.due.remove(d)
		if x := d.version.extra; d.next > now && x != nil && x.refresh != 0 {
			// The backend gave the time, and it has not come.
			defer b.due.fix(d)
			continue
		}
		if tx.noteUse(d); !tx.inUse(d) {
			d.idle = true
			tx.c.owner.Changed(tx, d, Withdrawn)
			continue
		}
		f, mine := tx.claim(d)
		if !mine {
			continue // it is being read; when that is settled it is enqueued again
		}
		rd.flights = append(rd.flights, f)
		if d.leased() {
			return
		}
		tx.gatherAlong(rd, d)
	}
}

// gatherAlong adds the documents of Owner.Along, in every tenth refresh.
func (tx Tx) gatherAlong(rd *Reading, d *Doc) {
	if d.rounds++; d.rounds%recheck != 0 {
		return
	}
	for _, other := range tx.c.owner.Along(tx, d) {
		if f, mine := tx.claim(other); mine {
			rd.flights = append(rd.flights, f)
		}
	}
	rd.along = append(rd.along, d)
}

// refreshOrRead reads the documents that were gathered. If it is one leased document
// and nobody waits, it renews the lease instead.
func (c *Cache) refreshOrRead(rd *Reading) {
	if rd.refresh && len(rd.flights) == 1 && c.renew(rd) {
		return
	}
	defer func() { // deferred, since the Source may end this goroutine
		for _, d := range rd.along {
			c.owner.Moved(d)
		}
	}()
	c.read(rd, nil)
}

// CheckClock finds out whether wall time has jumped. After a jump (the machine
// slept, the sandbox was frozen, the clock was set) every document is due. The jump
// adds to the age of a document only once a read of it has failed.
func (tx Tx) CheckClock() {
	c := tx.cache()
	offset, _ := c.Clock.offset()
	jump := int64(c.drift.jump(offset))
	if jump == 0 {
		return
	}
	now := tx.Now()
	for d := range tx.Docs() {
		if d.version == nil {
			continue
		}
		t := d.troubles()
		t.jump = policy.Add(t.jump, jump)
		if d.idle || c.OnDemand {
			d.next = min(d.next, now)
		} else {
			d.next = min(d.next, now+rand.Int64N(jumpSpread))
		}
		if d.due > 0 {
			d.space.backend.due.fix(d)
		}
	}
}
