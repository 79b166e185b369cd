package cache

import "context"

// A watching is a Source's watch of a document.
type watching struct {
	end context.CancelFunc // nil: it failed, and the next read tries again
	err error              // see Watched
}

// watch has a Source that can tell of changes tell of those of d, which was
// just read.
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

// Watch is watch for a document that a name has just been found in.
func (tx Tx) Watch(d *Doc) {
	tx.cache()
	tx.watch(d)
}

// hint is a backend's word that d may have changed.
func (c *Cache) hint(d *Doc) {
	tx := c.Lock()
	defer tx.Unlock()
	switch {
	case c.closed || d.dropped:
	case !d.kept():
		c.owner.Changed(tx, d, Hinted) // nothing is kept: its followers read it
	case d.flight != nil:
		d.again = true // that read may have seen what was there before
	default:
		tx.readSoon(d)
	}
}

// readSoon makes d due: now, unless that has been so often of late.
func (tx Tx) readSoon(d *Doc) {
	if d.soon {
		return
	}
	d.soon = true
	now := tx.Now()
	if at := d.changes.Next(now); at == now || at < d.next {
		d.next = at
	}
	if !d.idle {
		tx.enqueue(d)
	}
}

// watchAbsence has the memory that a document is missing end when a Source that
// watches says that it may be there again: a file that is removed and written
// anew is away for milliseconds, and its absence would be remembered for the
// negative TTL. It is for documents that were held, and lasts until the Source
// says so, at most for that TTL.
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
