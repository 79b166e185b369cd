package secrets

import "errors"

// A deletion is a name that was in use and is gone. It is told for as long as
// somebody asks for the name.
type deletion struct {
	scheme, place string // where it lived
	asked         int64  // when somebody last asked
	idle          int64  // after which time without that it is forgotten
	err           error  // what was said of it last
}

// noteDeletion takes note that a name, which lived in d, is gone, if it was in
// use.
func (r *Resolver) noteDeletion(name string, d *document) {
	now := r.now()
	if !r.isUsed(d, now) || len(r.deleted) >= max(r.maxEntries/10, minMissing) {
		return
	}
	r.deleted[name] = &deletion{
		scheme: d.folder.provider.scheme, place: d.place(), asked: now, idle: r.idleAfter(d),
		err: notFound("it was held and in use, and has been deleted"),
	}
}

// stillGone takes note that somebody asked for a name and that it is not there.
func (r *Resolver) stillGone(name string, err error) {
	if g := r.deleted[name]; g != nil && errors.Is(err, ErrNotFound) {
		g.asked = r.now()
	}
}

// deletions forgets the deletions that nobody asks for any more, and calls f
// for the others.
func (r *Resolver) deletions(now int64, f func(name string, g *deletion)) {
	for name, g := range r.deleted {
		if now-g.asked >= g.idle {
			delete(r.deleted, name)
			continue
		}
		f(name, g)
	}
}
