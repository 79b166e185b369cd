package secrets

import (
	"errors"
	"fmt"
	"sort"
	"time"
)

// A State says how a document stands.
type State string

// The states of a document.
const (
	StateFresh   State = "fresh"   // held, and the last read succeeded
	StateStale   State = "stale"   // held and served; the last read failed
	StateExpired State = "expired" // held, and too old to be served, or its lease has ended
	StateMissing State = "missing" // never held, or deleted
)

// A Status tells of one document. It holds no value, and marshals to JSON that
// people can read.
type Status struct {
	Names      []string  `json:"names"`                 // the names that the app knows it by
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
	WatchError string    `json:"watch_error,omitempty"` // why the provider notices no changes by itself, so that they are seen later
}

// Status tells of every document that is held or was looked for lately, sorted
// by where it lives. It does no I/O.
func (r *Resolver) Status() []Status {
	r.lock()
	now, wall := r.now(), r.clock.wall()
	var all []Status
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				if d.value != nil || r.isMissed(d) {
					all = append(all, r.status(d, now, wall))
				}
			}
		}
	}
	all = r.addDeleted(all, now)
	r.unlock()
	sort.Sort(byPlace(all))
	return all
}

// addDeleted adds the names that were deleted and are asked for, unless they are
// told already.
func (r *Resolver) addDeleted(all []Status, now int64) []Status {
	told := make(map[string]bool)
	for _, s := range all {
		for _, name := range s.Names {
			told[name] = true
		}
	}
	r.deletions(now, func(name string, g *deletion) {
		if !told[name] {
			all = append(all, Status{
				Names: []string{name}, Provider: g.scheme, Document: g.place, State: StateMissing, Failures: 1,
				Class: ErrNotFound.Error(), LastError: g.err.Error(),
			})
		}
	})
	return all
}

// isMissed reports whether a document that has no value is what somebody asked
// for, rather than a place where a name might have been.
func (r *Resolver) isMissed(d *document) bool {
	if d.trouble == nil || d.trouble.err == nil {
		return false
	}
	if !errors.Is(d.trouble.err, ErrNotFound) {
		return true
	}
	names := r.namesFor(d)
	missed := len(names) == 0
	for _, name := range names {
		e := r.names.find(name)
		missed = missed || e == nil || e.doc == nil
	}
	return d.asked && missed
}

// namesFor returns the names whose exact document d is, sorted.
func (r *Resolver) namesFor(d *document) []string {
	names := []string{}
	for _, s := range r.sites {
		if s.folder == d.folder {
			names = append(names, d.path)
			break // the same URI may be there twice
		}
	}
	for name, s := range r.references {
		switch {
		case s.folder != d.folder:
		case !s.whole:
			names = append(names, name+d.path)
		case s.path == d.path:
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func (r *Resolver) status(d *document, now int64, wall time.Time) Status {
	s := Status{Names: d.names(), Provider: d.folder.provider.scheme, Document: d.place(), State: StateMissing}
	if s.Names == nil {
		s.Names = []string{}
		if d.asked {
			s.Names = r.namesFor(d)
		}
	}
	if t := d.trouble; t != nil && t.err != nil {
		s.Failures, s.LastError = t.failures, t.err.Error()
		if class := classOf(t.err); class != nil {
			s.Class = class.Error()
		}
	}
	if w := r.watches[d]; w != nil && w.err != nil {
		s.WatchError = w.err.Error()
	}
	if d.value == nil {
		return s
	}
	s.State, s.Version, s.FetchedAt = StateFresh, d.value.version, time.Unix(0, d.value.wall)
	switch {
	case !d.usable(now):
		s.State = StateExpired
	case d.stale():
		s.State = StateStale
	}
	if d.due > 0 {
		next := max(d.next, d.folder.provider.retryAt)
		s.NextRead = wall.Add(time.Duration(next - now))
	}
	s.Created = printable(d.value.createdAt())
	if x := d.value.extra(); x != nil {
		s.Expires = printable(x.Expires)
	}
	if d.trouble != nil {
		s.RejectedAt = d.trouble.ledger.RejectedAt(d.value.version)
	}
	return s
}

// printable returns a time that JSON can say: of the years 1 to 9999.
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

// Healthy returns nil if every secret that is in use can be served: an error
// that joins those that have expired, those that were asked for and could
// never be read, and those that were deleted and are still asked for. A value
// that is merely stale is healthy; so is the absence of a name that was never
// there and that nobody watches.
func (r *Resolver) Healthy() error {
	if r.err != nil {
		return r.err
	}
	r.lock()
	defer r.unlock()
	if r.closed {
		return &Error{Op: "health", Err: ErrClosed}
	}
	now := r.now()
	var errs []error
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				if err := r.unhealthy(d, now); err != nil {
					errs = append(errs, &Error{Op: "health", Ref: d.place(), Err: err})
				}
			}
		}
	}
	r.deletions(now, func(name string, g *deletion) {
		if e := r.names.find(name); e == nil || len(r.subs[e]) == 0 { // else it is told below
			errs = append(errs, &Error{Op: "health", Name: name, Ref: g.place, Err: g.err})
		}
	})
	for e, subs := range r.subs {
		for _, s := range subs {
			if e.doc == nil && !s.optional {
				errs = append(errs, &Error{Op: "health", Name: e.name, Err: notFound("it is watched, and there is none")})
			}
		}
	}
	sort.Sort(byText(errs))
	return errors.Join(errs...)
}

// foundElsewhere reports whether every name whose exact document d would be is
// held: a policy that denies that document grants its parent.
func (r *Resolver) foundElsewhere(d *document) bool {
	names := r.namesFor(d)
	for _, name := range names {
		if e := r.names.find(name); e == nil || e.doc == nil {
			return false
		}
	}
	return d.asked && len(names) > 0
}

func (r *Resolver) unhealthy(d *document, now int64) error {
	var last error
	if d.trouble != nil {
		last = d.trouble.err
	}
	switch {
	case d.value == nil && last != nil && !errors.Is(last, ErrNotFound) && now-d.lastUsed < r.idleAfter(d) && !r.foundElsewhere(d):
		return fmt.Errorf("never read: %w", last)
	case d.value != nil && !d.usable(now) && (r.recentlyUsed(d, now) || r.pinned(d)):
		if last == nil {
			last = fmt.Errorf("%w: not read again since", ErrUnavailable)
		}
		return fmt.Errorf("expired, %v old: %w", d.age(now).Round(time.Second), last)
	}
	return nil
}

// byPlace sorts by where the documents live.
type byPlace []Status

func (s byPlace) Len() int           { return len(s) }
func (s byPlace) Less(i, j int) bool { return s[i].Document < s[j].Document }
func (s byPlace) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// byText sorts errors by what they say.
type byText []error

func (s byText) Len() int           { return len(s) }
func (s byText) Less(i, j int) bool { return s[i].Error() < s[j].Error() }
func (s byText) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
