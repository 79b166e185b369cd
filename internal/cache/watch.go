package cache

import "context"

// A watching is a Source's watch of a document.
type watching struct {
	end context.CancelFunc // nil: it failed, and the next read tries again
	err error              // see Watched
}

// watch begins to watch d, which was just read, if its Source can watch.
func (tx Tx) watch(d *Doc) {
	c, b := tx.c, d.space.backend
	if c.OnDemand || c.closed || d.dropped || !b.Watches() {
		return
	}
	w := c.watches[d]
	switch {
	case w == nil:
		w = new(watching)
		c.watches[d] = w
	case w.end != nil:
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	w.end = cancel
	at := d.place()
	c.Go(func() {
		watched := b.Watch(ctx, at, func() { c.hint(d) })
		if watched.Calls {
			c.hint(d) // it may have changed between the read and the watch
		} else if watched.Again {
			cancel()
		}
		tx := c.Lock()
		defer tx.Unlock()
		if w.err = watched.Err; ctx.Err() != nil {
			w.end = nil // the next read tries again
		}
	})
}

// Watch begins to watch a document in which a name was just found.
func (tx Tx) Watch(d *Doc) {
	tx.cache()
	tx.watch(d)
}

// hint is called when a Source says that d may have changed.
func (c *Cache) hint(d *Doc) {
	tx := c.Lock()
	defer tx.Unlock()
	switch {
	case c.closed || d.dropped:
	case !d.kept():
		c.owner.Changed(tx, d, Hinted) // no version is kept: the followers read it
	case d.flight != nil:
		d.readAgain = true // the read under way may have seen the old version
	default:
		tx.readSoon(d)
	}
}

// readSoon makes d due: now, or, after many hints in a short time, a little later.
func (tx Tx) readSoon(d *Doc) {
	if d.dueByHint {
		return
	}
	d.dueByHint = true
	now := tx.Now()
	if at := d.changes.Next(now); at == now || at < d.next {
		d.next = at
	}
	if !d.idle {
		tx.enqueue(d)
	}
}

// watchAbsence watches a document that was held and is missing now. When the Source
// says that it may be there again, the Cache forgets that it was missing: a program
// that replaces a file may remove it first, so that it is missing for milliseconds, and
// the Cache would remember that for the negative TTL. The watch ends with the first
// such hint, or after the negative TTL.
func (tx Tx) watchAbsence(d *Doc) {
	c, b, s, path := tx.c, d.space.backend, d.space, d.path
	if c.OnDemand || c.closed || d.ttl == 0 || !b.Watches() {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.NegativeTTL)
	context.AfterFunc(ctx, cancel)
	forget := func() {
		tx := c.Lock()
		defer tx.Unlock()
		if d := s.docs[path]; d != nil && d.trouble != nil && d.trouble.kind == Missing {
			d.trouble.until = min(d.trouble.until, tx.Now())
		}
	}
	at := d.place()
	c.Go(func() {
		if b.Watch(ctx, at, func() { cancel(); forget() }).Calls {
			forget() // it may have come between the read and the watch
		}
	})
}
