package secrets

import (
	"context"
	"errors"
)

// watchAbsence has the memory that a document is missing end when a provider
// that watches says that it may be there again: a file that is removed and
// written anew is away for milliseconds, and its absence would be remembered
// for the negative TTL. It is for documents that were held, and lasts until the
// provider says so, at most for that TTL. It is called with the lock held.
func (r *Resolver) watchAbsence(d *document) {
	w, ok := d.folder.provider.given().(WatchProvider)
	if !ok || r.onDemand || r.closed || d.ttl == 0 {
		return
	}
	folder, path, ref := d.folder, d.path, d.ref()
	ctx, cancel := context.WithTimeout(r.ctx, r.negativeTTL)
	context.AfterFunc(ctx, cancel)
	forget := func() {
		r.lock()
		defer r.unlock()
		if d := folder.docs[path]; d != nil && d.trouble != nil && errors.Is(d.trouble.err, ErrNotFound) {
			d.trouble.until = min(d.trouble.until, r.now())
		}
	}
	r.spawn(func() {
		if callsBack(guard(func() error { return w.Watch(ctx, ref, func() { cancel(); forget() }) })) {
			forget() // it may have come between the read and the watch
		}
	})
}
