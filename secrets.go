package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Resolver finds secrets by name, holds them, and keeps them fresh. Open or
// New makes one; its methods are safe for concurrent use.
//
// What it guarantees:
//
//   - Get of a secret that is held and in use never waits for a backend, and
//     does not look at the clock: a lookup and two atomic loads.
//   - However many ask, a document is read once, and one caller's
//     cancellation is nobody else's.
//   - A value outlives its backend until [WithMaxStale], or the end of its
//     lease; [Resolver.Status] tells.
//   - Close ends every goroutine that the Resolver started.
type Resolver struct {
	names nameIndex // first: what Get reads
	settings

	ctx    context.Context // of every read; ends at Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	reads  chan func()   // to goroutines that wait for the next read
	wake   chan struct{} // holds a token when the refresher has something to look at

	anyRejected atomic.Bool // some version was rejected, some time

	mu             sync.Mutex
	providers      []*provider
	providersByKey map[string]*provider
	sites          []*site          // the chain
	references     map[string]*site // by name
	configured     []*site          // of the chain and the references, not of values
	searches       map[string]*search
	expiring       *docHeap
	missing        *docHeap
	misses         int64 // documents that were asked for in vain
	held           int   // documents with a value
	named          int   // names
	sweepAfter     int64
	lastRead       int64 // when a read was last settled; each is later than the one before
	drift          driftMeter
	retired        []retired
	subs           map[*entry][]*subscription // of names that somebody follows
	watches        map[*document]*watching    // of documents whose provider tells of changes
	referred       map[*document][]*entry     // the names that a document's value refers elsewhere
	sought         int                        // names of searches for several, under way
	events         []*Event                   // that have happened and are still to be told, in order
	untold         int                        // events that were dropped, there being too many
	telling        chan struct{}              // closed when all are told; nil: nobody tells
	deleted        map[string]*deletion       // names that were in use, and are gone
	running        bool                       // the refresher runs
	wakeAt         int64                      // when it looks next
	tidyAt         int64                      // when it tidies next
	closed         bool
	hint           string // added to what a missing name is told
}

// Open returns a resolver for a provider URI, or for several that are
// separated by spaces: a chain, in which the first that has a name answers and
// only [ErrNotFound] lets the next one be asked. It checks schemes and options
// and does no I/O; backends are opened when they are first needed. The error
// is [ErrInvalid]. ctx bounds the call alone.
func Open(ctx context.Context, uri string, opts ...Option) (*Resolver, error) {
	uris := strings.Fields(uri)
	if len(uris) == 0 {
		return nil, &Error{Op: "open", Err: invalid("no provider URI is given; want one like file:///run/secrets or vault://secret/prod")}
	}
	return openURIs(ctx, uris, opts)
}

func openURIs(_ context.Context, uris []string, opts []Option) (*Resolver, error) {
	r := newResolver(opts)
	if r.err != nil {
		return nil, r.err
	}
	for i, uri := range uris {
		s, err := r.openSite(uri)
		if err != nil {
			return nil, &Error{Op: "open", Name: place("provider", i, len(uris)), Err: err}
		}
		r.sites = append(r.sites, s)
		r.configured = append(r.configured, s)
	}
	return r, nil
}

func place(what string, i, n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf("%s %d", what, i+1)
}

// openSite checks a provider URI.
func (r *Resolver) openSite(uri string) (*site, error) {
	ref, err := ParseRef(uri)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if strings.HasSuffix(uri, ",") || strings.Contains(ref.Path, "://") {
		return nil, invalid("%s:// has another URI or a comma at its end: several URIs have spaces between them", ref.Scheme)
	}
	if ref.Field != "" {
		return nil, invalid("%s:// has a #field; a provider URI is a base for names and has none", ref.Scheme)
	}
	return r.newSite(&ref, true)
}

// New returns a resolver on a provider, which the caller closes after it. The
// members of a [Chain] are searched one after the other. What is wrong with
// the options is [ErrInvalid] from every method.
func New(p Provider, opts ...Option) *Resolver {
	r := newResolver(opts)
	if p == nil && r.err == nil {
		r.err = &Error{Op: "new", Err: invalid("the provider is nil")}
	}
	members := []Provider{p}
	if c, ok := p.(*chain); ok {
		members = c.members()
	}
	for i, m := range members {
		own := newProvider("", nil, r.maxStale)
		own.opened = func() Provider { return m }
		s := makeSite()
		s.folder = own.folder("", nil, false)
		if len(members) > 1 {
			s.label = fmt.Sprintf("member %d of the chain: ", i+1)
		}
		r.providers = append(r.providers, own)
		r.sites = append(r.sites, s)
	}
	return r
}

func newResolver(opts []Option) *Resolver {
	r := &Resolver{
		settings:       defaultSettings(),
		reads:          make(chan func()),
		wake:           make(chan struct{}, 1),
		providersByKey: make(map[string]*provider),
		references:     make(map[string]*site),
		searches:       make(map[string]*search),
		expiring:       newExpiryHeap(),
		missing:        newMissingHeap(),
		subs:           make(map[*entry][]*subscription),
		watches:        make(map[*document]*watching),
		referred:       make(map[*document][]*entry),
		deleted:        make(map[string]*deletion),
	}
	r.names.clear()
	for _, o := range opts {
		o(&r.settings)
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.drift.jump(r.clock)
	for name, uri := range r.settings.references {
		if err := r.addReference(name, uri); err != nil && r.err == nil {
			r.err = &Error{Op: "reference", Name: brief(name), Err: err}
		}
	}
	return r
}

// addReference says that a name, or all names below one, live elsewhere.
func (r *Resolver) addReference(name, uri string) error {
	if err := checkName(name); err != nil {
		return err
	}
	path, below := strings.CutSuffix(name, "/")
	if err := checkPath(path); err != nil {
		return err
	}
	if strings.Contains(path, "#") {
		return invalid("the name of a reference has no #field; put the field into the reference")
	}
	ref, err := ParseRef(uri)
	if err != nil {
		return errors.Unwrap(err)
	}
	if below && ref.Field != "" {
		return invalid("names below %s cannot all be one #field", quote(name))
	}
	s, err := r.newSite(&ref, below)
	if err != nil {
		return err
	}
	r.references[name] = s
	r.configured = append(r.configured, s)
	return nil
}

// Get returns the secret of that name: a value that is held and in use at
// once, whatever its backend does; otherwise what one read says. A name reads
// like db/password, or db#password for the field of a document.
//
// The error is an [*Error]: [ErrNotFound] if no provider has the name,
// [ErrInvalid] if it is malformed, [ErrClosed] after Close, or the class of
// what the backend said. If ctx ends first, it wraps ctx.Err and tells the
// backend's last word, and the read goes on for the next caller.
func (r *Resolver) Get(ctx context.Context, name string) (Secret, error) {
	if e := (*r.names.read.Load())[name]; e != nil {
		if s := e.held.Load(); s != nil {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return *s, nil
		}
	}
	return r.get(ctx, name, untilTimeout, false)
}

// get is Get when the value is not to be had at once.
func (r *Resolver) get(ctx context.Context, name string, tries effort, program bool) (Secret, error) {
	if r.err != nil {
		return Secret{}, r.err
	}
	waits := ctx.Err() == nil // a held value is not waited for by a context that is done
	for searched := false; ; {
		r.lock()
		if r.closed {
			r.unlock()
			return Secret{}, &Error{Op: "get", Name: brief(name), Err: ErrClosed}
		}
		r.checkClock()
		now := r.now()
		e := r.names.find(name)
		if e == nil || e.doc == nil || !e.doc.usable(now) || r.outlived(e, now) || e.doc.ttl == 0 && !e.doc.leased() {
			s, err := r.getSearched(ctx, name, tries, program)
			if err != nil || searched || !r.foundOverdue(name) {
				return s, err
			}
			searched = true
			continue
		}
		wait, until := r.waitFor(e, now, waits)
		if wait == nil {
			s := r.serve(e, now)
			e.doc.program = e.doc.program || program
			r.unlock()
			return s, nil
		}
		r.unlock()
		waits = waitUntil(ctx, wait, time.Duration(until-now))
	}
}

// getSearched returns what a search for the name finds. It is called with the
// lock held, and releases it.
func (r *Resolver) getSearched(ctx context.Context, name string, tries effort, program bool) (Secret, error) {
	need := needHeld
	if r.ttl == 0 { // only then is a document's own zero
		need = needRead
	}
	s, err := r.joinSearch(name, need, tries, program)
	r.unlock()
	if err != nil {
		return Secret{}, &Error{Op: "get", Name: brief(name), Err: err}
	}
	return r.result(ctx, "get", s)
}

// serve returns the held value of an entry, and has the next Get find it at
// once.
func (r *Resolver) serve(e *entry, now int64) Secret {
	d := e.doc
	d.lastUsed = now
	if d.idle { // it is not due, or its backend is being left alone
		d.idle = false
		if d.flight == nil {
			r.enqueue(d)
		}
	}
	r.publish(e)
	return *e.last
}

// result waits for a search and returns what it found.
func (r *Resolver) result(ctx context.Context, op string, s *search) (Secret, error) {
	t := s.targets[0]
	err := r.await(ctx, s)
	switch {
	case err != nil:
		return Secret{}, &Error{Op: op, Name: t.name, Err: err}
	case t.secret == nil:
		return Secret{}, &Error{Op: op, Name: t.name, Err: r.hinted(t.err)}
	default:
		return *t.secret, nil
	}
}

// hinted adds to a missing name what the default resolver has to say.
func (r *Resolver) hinted(err error) error {
	if r.hint != "" && errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w (%s)", err, r.hint)
	}
	return err
}

// gaveUp returns why a caller whose context ended has no value: the backend's
// last word, if there was one, goes before the bare deadline. It is called with
// the lock held.
func (r *Resolver) gaveUp(ctx context.Context, targets []*target) error {
	if r.closed {
		return ErrClosed
	}
	for _, t := range targets {
		if t.at >= len(t.sites) {
			continue
		}
		exact, parent := t.tries(t.sites[t.at])
		for _, at := range []*try{parent, exact} {
			if at == nil {
				continue
			}
			d := at.site.folder.docs[at.path]
			if d == nil || d.flight == nil {
				continue
			}
			if d.flight.last != nil {
				return fmt.Errorf("%w; %w before it answered again", at.fail(d.flight.last), ctx.Err())
			}
			return at.fail(fmt.Errorf("no answer after %v: %w", time.Duration(r.now()-d.flight.start).Round(time.Millisecond), ctx.Err()))
		}
	}
	return ctx.Err()
}

// Refresh reads the secret now, whatever is held or remembered, and returns
// what the backend says. Calls that overlap share one read. If it fails, what
// is held stays as it is.
func (r *Resolver) Refresh(ctx context.Context, name string) (Secret, error) {
	if r.err != nil {
		return Secret{}, r.err
	}
	r.lock()
	if r.closed {
		r.unlock()
		return Secret{}, &Error{Op: "refresh", Name: brief(name), Err: ErrClosed}
	}
	s, err := r.joinSearch(name, needFresh, untilTimeout, false)
	r.unlock()
	if err != nil {
		return Secret{}, &Error{Op: "refresh", Name: brief(name), Err: err}
	}
	return r.result(ctx, "refresh", s)
}

// now returns the resolver's monotonic time in ns.
//
//go:noinline
func (r *Resolver) now() int64 { return int64(r.clock.mono()) }

// lock takes the lock. It is called in too many places to be worth a copy in each.
//
//go:noinline
func (r *Resolver) lock() { r.mu.Lock() }

// unlock releases the lock.
func (r *Resolver) unlock() { r.mu.Unlock() }

// spawn starts a goroutine that Close waits for. It is called with the lock
// held and the resolver open, or by a goroutine that Close waits for.
//
//go:noinline
func (r *Resolver) spawn(f func()) { r.work.Go(f) }
