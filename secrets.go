package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/parallel"
	"github.com/go-secrets/secrets/internal/shorten"
)

// A Resolver finds secrets by name, holds them, and keeps them fresh. Open or
// New makes one; its methods are safe for concurrent use.
//
// What it guarantees:
//
//   - Get of a secret that is held and in use never waits for a backend, and
//     does not look at the clock: a lookup and two atomic loads.
//   - However many callers ask for a document, it is read once, and the
//     cancellation of one caller does not affect the others.
//   - While a backend fails, a held value is served until [WithMaxStale], or the
//     end of its lease; [Resolver.Status] shows the failure.
//   - Close ends every goroutine that the Resolver started.
type Resolver struct{ names }

// Open returns a resolver for a provider URI, or for several that are
// separated by spaces: a chain, in which the first that has a name answers and
// only [ErrNotFound] lets the next one be asked. Open checks schemes and options
// and does no I/O; backends are opened when they are first needed. The error
// is [ErrInvalid]. ctx is for this call only.
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
	tx := r.cache.Lock()
	defer tx.Unlock()
	for i, uri := range uris {
		s, err := r.openSite(tx, uri)
		if err != nil {
			return nil, &Error{Op: "open", Name: numbered("provider", i, len(uris)), Err: err}
		}
		r.sites = append(r.sites, s)
		r.configured = append(r.configured, s)
	}
	return r, nil
}

// numbered returns the name of the i-th of n things, and nothing if n is 1.
func numbered(what string, i, n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf("%s %d", what, i+1)
}

// openSite checks a provider URI.
func (n *names) openSite(tx cache.Tx, uri string) (*site, error) {
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
	return n.newSite(tx, &ref, true)
}

// New returns a resolver on a provider. The caller must close the provider, after the
// resolver. The members of a [Chain] are searched one after the other. If an option
// is invalid, every method returns [ErrInvalid].
func New(p Provider, opts ...Option) *Resolver {
	r := newResolver(opts)
	if p == nil && r.err == nil {
		r.err = &Error{Op: "new", Err: invalid("the provider is nil")}
	}
	members := []Provider{p}
	if c, ok := p.(*chain); ok {
		members = c.members()
	}
	tx := r.cache.Lock()
	defer tx.Unlock()
	for i, m := range members {
		own := r.newProvider(tx, "", nil, nil)
		own.opened = func() Provider { return m }
		s := makeSite()
		s.folder = own.folder(tx, "", nil, false)
		if len(members) > 1 {
			s.label = fmt.Sprintf("member %d of the chain: ", i+1)
		}
		r.sites = append(r.sites, s)
	}
	return r
}

func newResolver(opts []Option) *Resolver {
	r := &Resolver{newNames()}
	r.index.clear()
	for _, o := range opts {
		o(&r.settings)
	}
	r.cache = r.newCache()
	r.events = newEventQueue(r.cache.Context(), r.cache.Wall, r.observer, r.logger)
	tx := r.cache.Lock()
	defer tx.Unlock()
	for name, uri := range r.settings.references {
		if err := r.addReference(tx, name, uri); err != nil && r.err == nil {
			r.err = &Error{Op: "reference", Name: brief(name), Err: err}
		}
	}
	return r
}

// addReference sets where a name, or all names below one, live.
func (n *names) addReference(tx cache.Tx, name, uri string) error {
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
		return invalid("names below %s cannot all be one #field", shorten.Quote(name))
	}
	s, err := n.newSite(tx, &ref, below)
	if err != nil {
		return err
	}
	n.references[name] = s
	n.configured = append(n.configured, s)
	return nil
}

// Get returns the secret of that name. If the value is held and in use, Get returns
// it at once, even if its backend fails; otherwise Get waits for one read and returns
// its result. A name reads like db/password, or db#password for the field of a
// document.
//
// The error is an [*Error]: [ErrNotFound] if no provider has the name,
// [ErrInvalid] if it is malformed, [ErrClosed] after Close, or else the class of
// the backend's error. If ctx ends first, the error wraps ctx.Err and has the text of
// the backend's last error, and the read goes on for the next caller.
func (r *Resolver) Get(ctx context.Context, name string) (Secret, error) {
	if e := (*r.index.read.Load())[name]; e != nil {
		if s := e.published.Load(); s != nil {
			e.use()
			return *s, nil
		}
		if s := e.timed.Load(); s != nil && s.Covers(r.clock) {
			e.use()
			return s.secret, nil
		}
	}
	return r.get(ctx, name, untilTimeout, false)
}

// get is the slow path of Get, for a value that is not published.
func (n *names) get(ctx context.Context, name string, effort effort, program bool) (Secret, error) {
	if n.err != nil {
		return Secret{}, n.err
	}
	waits := ctx.Err() == nil // if ctx has ended, a held value is served without a wait
	for searched := false; ; {
		tx := n.cache.Lock()
		if tx.Closed() {
			tx.Unlock()
			return Secret{}, &Error{Op: "get", Name: brief(name), Err: ErrClosed}
		}
		tx.CheckClock()
		e := n.index.find(name)
		if !n.servable(tx, e) {
			s, err := n.joinSearch(tx, name, n.need(), effort, program)
			tx.Unlock()
			secret, err := n.found(ctx, "get", name, s, err)
			if err != nil || searched || !n.foundOverdue(name) {
				return secret, err
			}
			searched = true
			continue
		}
		wait, until := n.waitFor(tx, e, waits)
		if wait == nil {
			s := n.serve(tx, e)
			e.doc.Program = e.doc.Program || program
			tx.Unlock()
			return s, nil
		}
		left := time.Duration(until - tx.Now())
		tx.Unlock()
		waits = cache.Await(ctx, wait, left)
	}
}

// need returns which knowledge is good enough for a Get.
func (n *names) need() cache.Need {
	if n.ttl == 0 { // only then is a document's own zero
		return cache.NeedRead
	}
	return cache.NeedHeld
}

// found waits for a search and returns its result. err is not nil if the search
// could not be started.
func (n *names) found(ctx context.Context, op, name string, s *search, err error) (Secret, error) {
	if err != nil {
		return Secret{}, &Error{Op: op, Name: brief(name), Err: err}
	}
	return n.result(ctx, op, s)
}

// servable reports whether the held value of a name may be served.
func (n *names) servable(tx cache.Tx, e *entry) bool {
	return e != nil && e.doc != nil && tx.Servable(e.doc) && !n.outlived(tx, e) && tx.Kept(e.doc)
}

// outlived reports whether the held value of a name is too old to be served although
// its document is fresh: the document lacks the field now, and no search has found
// the name elsewhere.
func (n *names) outlived(tx cache.Tx, e *entry) bool {
	return e.behind(tx) && tx.Now() >= n.cache.End(e.version())
}

// foundOverdue reports whether the document in which a search has just found a name
// is overdue. It may be, if it was held for other names.
func (n *names) foundOverdue(name string) bool {
	tx := n.cache.Lock()
	defer tx.Unlock()
	e := n.index.find(name)
	return e != nil && e.doc != nil && tx.Overdue(e.doc)
}

// waitFor returns the channel for which Get waits before it serves a held value, and
// until when at most; nil: Get does not wait.
func (n *names) waitFor(tx cache.Tx, e *entry, patient bool) (<-chan struct{}, int64) {
	d, referrer := e.doc, e.part.site.referrer
	tx.Freshen(d)
	if referrer != nil {
		tx.Freshen(referrer)
	}
	if !patient {
		return nil, 0
	}
	s := n.searches[e.name]
	if referrer != nil {
		if done, until := tx.BlockedBy(referrer); done != nil {
			return done, until
		}
		if v := tx.Version(referrer); s != nil && v != nil && tx.Now() < v.Read()+int64(cache.SoftWait) {
			return s.done, v.Read() + int64(cache.SoftWait) // the referrer was just read, and may refer to another place now
		}
	}
	done, until := tx.BlockedBy(d)
	if done != nil && s != nil && tx.Gone(d) {
		return s.done, until
	}
	return done, until
}

// serve publishes an entry and returns its held value.
func (n *names) serve(tx cache.Tx, e *entry) Secret {
	tx.NoteServed(e.doc)
	n.publish(tx, e)
	return *e.last
}

// Refresh reads the secret now, even if a value is held or a failure is remembered,
// and returns the result. Calls that overlap share one read. If a read of the document
// is under way already, Refresh joins it; that read may have missed a later change in
// the backend. If the read fails, the held value stays as it is.
func (r *Resolver) Refresh(ctx context.Context, name string) (Secret, error) {
	if r.err != nil {
		return Secret{}, r.err
	}
	tx := r.cache.Lock()
	if tx.Closed() {
		tx.Unlock()
		return Secret{}, &Error{Op: "refresh", Name: brief(name), Err: ErrClosed}
	}
	s, err := r.joinSearch(tx, name, cache.NeedFresh, untilTimeout, false)
	tx.Unlock()
	return r.found(ctx, "refresh", name, s, err)
}

const (
	// closeWait is how long Close waits for providers and revocations.
	closeWait = 5 * time.Second
	// eventWait is how long it waits for the observer and the log.
	eventWait = time.Second
)

// Close ends every goroutine that the resolver started, revokes the leases
// that it holds, and closes the providers that it opened. It waits at most
// about 5 seconds for providers, returns their errors, and may be called
// again. After Close every method returns [ErrClosed]; Secrets that were returned
// before stay as they are.
func (r *Resolver) Close() error { return r.close(false) }

// Detach is Close that does not revoke leases, nor the login that they depend on. A
// process calls it before it replaces itself by another program (exec(2)) that goes
// on using the secrets.
func (r *Resolver) Detach() error { return r.close(true) }

func (r *Resolver) close(detach bool) error {
	tx := r.cache.Lock()
	if tx.Closed() {
		tx.Unlock()
		return r.err
	}
	tx.Close()
	r.index.clear()
	for e := range r.subs {
		r.notify(e)
	}
	var opened []*provider
	for _, p := range r.providers {
		if p.opener != nil && p.given() != nil {
			opened = append(opened, p)
		}
	}
	tx.Unlock()

	all, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	ctx, cancel := context.WithTimeout(all, closeWait*4/5) // the rest is for closing providers
	defer cancel()
	var errs []error
	if !r.cache.Drain(ctx, !detach) {
		errs = append(errs, &Error{Op: "close", Err: freeze(errors.New("a provider did not return when its context ended"))})
	}
	errs = append(errs, endProviders(all, opened, detach)...)
	last, cancel := context.WithTimeout(all, eventWait)
	defer cancel()
	if !r.events.drained(last) {
		errs = append(errs, &Error{Op: "close", Err: freeze(errors.New("the observer or the log's handler does not return"))})
	}
	if r.err != nil {
		return r.err
	}
	return errors.Join(errs...)
}

// endProviders closes the providers that the resolver opened, and returns the errors
// of those that were closed before ctx ended.
func endProviders(ctx context.Context, opened []*provider, detach bool) []error {
	var mu sync.Mutex
	var errs []error
	done := make(chan struct{})
	go func() {
		defer close(done)
		parallel.Each(len(opened), len(opened), func(i int) {
			if err := opened[i].end(detach); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, &Error{Op: "close", Provider: opened[i].scheme, Err: freeze(err)})
			}
		})
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errLate := &Error{Op: "close", Err: freeze(errors.New("a provider did not close in time"))}
		mu.Lock()
		defer mu.Unlock()
		return append(errs[:len(errs):len(errs)], errLate)
	}
	mu.Lock()
	defer mu.Unlock()
	return errs
}
