package secrets

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// patience is for how long a failing backend is read on after somebody asked
// for what replaces a rejected version.
const patience = time.Minute

// A replacement is what is looked for after the held version was rejected. The
// backend may still return that: Secrets Manager moves AWSCURRENT after the
// database has changed, and GCP's latest is eventually consistent.
type replacement struct {
	version string // the rejected one
	asked   int64  // when somebody last wanted another version
	reading bool   // the loop runs
}

// replacementOf returns what is looked for in place of the held version, which
// was rejected.
func (d *document) replacementOf(version string) *replacement {
	t := d.troubles()
	if t.replacement == nil || t.replacement.version != version {
		t.replacement = &replacement{version: version}
	}
	return t.replacement
}

// replace has the loop that reads for another version run.
func (r *Resolver) replace(d *document, rep *replacement) {
	if rep.reading {
		return
	}
	rep.reading = true
	f, mine := r.claim(d)
	if mine {
		r.launch(f)
	}
	r.spawn(func() { r.readUntilReplaced(d, rep, f) })
}

// readUntilReplaced is the one loop that reads a document whose version was
// rejected, until it has another or the rotation window has passed. While the
// backend fails it goes on for a minute after somebody asked, so that a
// rotation during an outage is seen when the outage ends. f is the read that is
// under way already.
func (r *Resolver) readUntilReplaced(d *document, rep *replacement, f *flight) {
	for n := 0; ; n++ {
		r.lock()
		if r.closed || !d.awaits(rep, r.now()) {
			rep.reading = false
			if d.trouble != nil {
				d.trouble.ledger.Notify()
			}
			r.unlock()
			return
		}
		if n > 0 {
			var mine bool
			if f, mine = r.claim(d); mine {
				r.launch(f)
			}
		}
		r.unlock()

		select {
		case <-f.done:
		case <-r.ctx.Done():
			return
		}
		r.lock()
		replaced := d.value.version != rep.version
		r.unlock()
		if replaced {
			continue
		}
		select {
		case <-time.After(policy.Window(n)):
		case <-r.ctx.Done():
			return
		}
	}
}

// awaits reports whether the document is still read for what replaces its
// rejected version.
func (d *document) awaits(rep *replacement, now int64) bool {
	if d.dropped || d.value.version != rep.version || d.trouble == nil || d.trouble.replacement != rep {
		return false
	}
	at := d.trouble.ledger.RejectedAt(rep.version)
	if at.IsZero() { // somebody accepted it
		return false
	}
	return time.Since(at) < policy.RotationWindow || d.stale() && now < rep.asked+int64(patience)
}
