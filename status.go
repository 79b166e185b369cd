package secrets

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
)

// A State is the state of a document.
type State string

// The states of a document.
const (
	StateFresh   State = "fresh"   // held, and the last read succeeded
	StateStale   State = "stale"   // held and served; the last read failed
	StateExpired State = "expired" // held, and too old to be served, or its lease has ended
	StateMissing State = "missing" // never held, or deleted
)

// A Status describes one document. It holds no value, and marshals to JSON that
// people can read.
type Status struct {
	Names      []string  `json:"names"`                 // by which the app asks for it
	Provider   string    `json:"provider,omitempty"`    // the scheme
	Document   string    `json:"document"`              // where it lives
	Version    string    `json:"version,omitempty"`     // the held version
	Created    time.Time `json:"created,omitzero"`      // when the backend made it; zero: unknown
	FetchedAt  time.Time `json:"fetched_at,omitzero"`   // the last read that succeeded
	NextRead   time.Time `json:"next_read,omitzero"`    // zero: when somebody asks
	Expires    time.Time `json:"expires,omitzero"`      // the end of its lease or certificate
	State      State     `json:"state"`                 //
	Failures   int       `json:"failures,omitempty"`    // reads in a row that failed
	Class      string    `json:"class,omitempty"`       // the class of the last failure
	LastError  string    `json:"last_error,omitempty"`  // the last failure
	RejectedAt time.Time `json:"rejected_at,omitzero"`  // when the held version was last rejected
	WatchError string    `json:"watch_error,omitempty"` // why the provider notices no changes by itself, so that only the next read sees them
}

// Status returns the status of every document that is held or was looked for lately,
// sorted by where it lives. It does no I/O.
func (r *Resolver) Status() []Status {
	tx := r.cache.Lock()
	var all []Status
	for d := range tx.Docs() {
		if st := tx.Status(d); st.Version != nil || r.isMissed(d, st.Err) {
			all = append(all, r.status(tx, d, st))
		}
	}
	all = r.addDeleted(tx, all)
	tx.Unlock()
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Document, b.Document) })
	return all
}

// addDeleted adds the deleted names that are still asked for, unless all has them
// already.
func (n *names) addDeleted(tx cache.Tx, all []Status) []Status {
	there := make(map[string]bool)
	for _, s := range all {
		for _, name := range s.Names {
			there[name] = true
		}
	}
	n.deletions(tx.Now(), func(name string, g *deletion) {
		if !there[name] {
			all = append(all, Status{
				Names: []string{name}, Provider: g.scheme, Document: g.place, State: StateMissing, Failures: 1,
				Class: ErrNotFound.Error(), LastError: g.err.Error(),
			})
		}
	})
	return all
}

// isMissed reports whether somebody asked for a document that has no value. If not,
// it was only a place where a name might have been.
func (n *names) isMissed(d *cache.Doc, err error) bool {
	switch {
	case err == nil:
		return false
	case !errors.Is(err, ErrNotFound):
		return true
	}
	names := n.namesFor(d)
	return d.Asked && (len(names) == 0 || !n.allFound(names))
}

// allFound reports whether every one of names is held.
func (n *names) allFound(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		e := n.index.find(name)
		return e == nil || e.doc == nil
	})
}

// namesOf returns the names that are cut from a document, sorted.
func namesOf(d *cache.Doc) []string {
	var names []string
	for e := entries(d); e != nil; e = e.sibling {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// placeOf returns where a document lives, for people.
func placeOf(d *cache.Doc) string {
	ref := d.Space().Owner.(*folder).ref(d.Path())
	return ref.String()
}

// schemeOf returns the scheme of a document's provider.
func schemeOf(d *cache.Doc) string { return d.Space().Owner.(*folder).provider.scheme }

// namesFor returns the names whose exact document d is, sorted.
func (n *names) namesFor(d *cache.Doc) []string {
	names := []string{}
	for _, s := range n.sites {
		if s.folder.space == d.Space() {
			names = append(names, d.Path())
			break // the same URI may be there twice
		}
	}
	for name, s := range n.references {
		switch {
		case s.folder.space != d.Space():
		case !s.whole:
			names = append(names, name+d.Path())
		case s.path == d.Path():
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (n *names) status(tx cache.Tx, d *cache.Doc, st cache.Status) Status {
	s := Status{Names: namesOf(d), Provider: schemeOf(d), Document: placeOf(d), State: StateMissing}
	if s.Names == nil {
		s.Names = []string{}
		if d.Asked {
			s.Names = n.namesFor(d)
		}
	}
	if st.Err != nil {
		s.Failures, s.LastError = st.Failures, st.Err.Error()
		if class := classOf(st.Err); class != nil {
			s.Class = class.Error()
		}
	}
	if st.WatchErr != nil {
		s.WatchError = st.WatchErr.Error()
	}
	v := st.Version
	if v == nil {
		return s
	}
	s.State, s.Version, s.FetchedAt = StateFresh, v.ID(), v.FetchedAt()
	switch {
	case !st.Servable:
		s.State = StateExpired
	case st.Err != nil:
		s.State = StateStale
	}
	if st.NextRead != 0 {
		s.NextRead = n.cache.Wall().Add(time.Duration(st.NextRead - tx.Now()))
	}
	s.Created, s.Expires, s.RejectedAt = printable(v.Created()), printable(v.Expires()), st.Rejected
	return s
}

// printable returns a time that JSON can have: of the years 1 to 9999.
func printable(t time.Time) time.Time {
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	switch {
	case t.After(last):
		return last
	case t.Before(time.Time{}):
		return time.Time{}
	}
	return t
}

// Healthy returns nil if every secret that is in use can be served. Otherwise the
// error joins the secrets that have expired, those that were asked for and could
// never be read, those that were deleted and are still asked for, and those that a
// [Watch] or [Bind] waits for and no provider has. A stale value is healthy. A name
// that never existed is healthy, too, if nobody watches it.
func (r *Resolver) Healthy() error {
	if r.err != nil {
		return r.err
	}
	tx := r.cache.Lock()
	defer tx.Unlock()
	if tx.Closed() {
		return &Error{Op: "health", Err: ErrClosed}
	}
	var errs []error
	for d := range tx.Docs() {
		if err := r.unhealthy(tx, d); err != nil {
			errs = append(errs, &Error{Op: "health", Ref: placeOf(d), Err: err})
		}
	}
	r.deletions(tx.Now(), func(name string, g *deletion) {
		if e := r.index.find(name); e == nil || len(r.subs[e]) == 0 { // else it is added below
			errs = append(errs, &Error{Op: "health", Name: name, Ref: g.place, Err: g.err})
		}
	})
	for e, subs := range r.subs {
		for _, s := range subs {
			if e.doc == nil && !s.optional {
				errs = append(errs, &Error{Op: "health", Name: e.name, Err: notFound("it is watched, and no provider has it")})
			}
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// foundElsewhere reports whether all names that could have d as their exact document
// are held. Then it does no harm that a policy denies d, since it permits the parent.
func (n *names) foundElsewhere(d *cache.Doc) bool {
	names := n.namesFor(d)
	return d.Asked && len(names) > 0 && n.allFound(names)
}

// unhealthy returns why a document that is in use cannot be served.
func (n *names) unhealthy(tx cache.Tx, d *cache.Doc) error {
	st := tx.Status(d)
	switch {
	case st.Version == nil && st.Err != nil && !errors.Is(st.Err, ErrNotFound) && st.Lately && !n.foundElsewhere(d):
		return fmt.Errorf("never read: %w", st.Err)
	case st.Version != nil && !st.Servable && (st.Lately || owner{n}.Followed(tx, d)):
		if st.Err == nil {
			st.Err = fmt.Errorf("%w: not read again since", ErrUnavailable)
		}
		return fmt.Errorf("expired, %v old: %w", tx.Age(d).Round(time.Second), st.Err)
	}
	return nil
}

// A deletion is a name that was in use and is gone. Status and Healthy report it for
// as long as somebody asks for the name.
type deletion struct {
	scheme, place string // where it lived
	asked         int64  // when somebody last asked
	idle          int64  // the time without a Get after which it is forgotten, ns
	err           error  // that Status and Healthy show
}

// noteDeletion records that a name, which lived in d, is gone, if it was in use.
func (n *names) noteDeletion(tx cache.Tx, name string, d *cache.Doc) {
	if !tx.Used(d) || len(n.deleted) >= n.cache.MostMissing() {
		return
	}
	n.deleted[name] = &deletion{
		scheme: schemeOf(d), place: placeOf(d), asked: tx.Now(), idle: tx.IdleAfter(d),
		err: notFound("it was held and in use, and has been deleted"),
	}
}

// stillGone records that somebody asked for a deleted name and it was not found.
func (n *names) stillGone(tx cache.Tx, name string, err error) {
	if g := n.deleted[name]; g != nil && errors.Is(err, ErrNotFound) {
		g.asked = tx.Now()
	}
}

// deletions calls f for each deletion, and forgets those that nobody has asked for
// within the idle time.
func (n *names) deletions(now int64, f func(name string, g *deletion)) {
	for name, g := range n.deleted {
		if now-g.asked >= g.idle {
			delete(n.deleted, name)
			continue
		}
		f(name, g)
	}
}
