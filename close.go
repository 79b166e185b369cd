package secrets

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Close ends every goroutine that the resolver started, revokes the leases
// that it holds, and closes the providers that it opened. It waits at most
// about 5 seconds for providers, returns what they said, and may be called
// again. After it every method is [ErrClosed]; Secrets that were handed out
// stay as they are.
func (r *Resolver) Close() error { return r.close(false) }

// Detach is Close that leaves leases, and the login they depend on, alive:
// what a process does before it replaces itself by another (exec(2)) that uses
// the secrets on.
func (r *Resolver) Detach() error { return r.close(true) }

// tellWait is how long Close waits for the observer and the log.
const tellWait = time.Second

func (r *Resolver) close(detach bool) error {
	r.lock()
	if r.closed || r.err != nil {
		r.unlock()
		r.cancel()
		return r.err
	}
	r.closed = true
	r.names.clear()
	leases := r.leases()
	var opened []*provider
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				d.unpublish()
			}
		}
		if p.opened != nil && p.opener != nil {
			opened = append(opened, p)
		}
	}
	for e := range r.subs {
		r.notify(e)
	}
	r.unlock()
	r.cancel()

	all, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	ctx, cancel := context.WithTimeout(all, closeWait*4/5) // the rest is for closing providers
	defer cancel()
	revoked := make(chan struct{})
	go func() {
		defer close(revoked)
		if !detach {
			revoke(ctx, leases)
		}
	}()
	var errs []error
	if !within(ctx, r.work.Wait) {
		errs = append(errs, &Error{Op: "close", Err: freeze(errors.New("a provider did not return when its context ended"))})
	}
	within(ctx, func() {
		<-revoked
		if !detach {
			revoke(ctx, r.lateLeases())
		}
	})
	errs = append(errs, closeProviders(all, opened, detach)...)
	last, cancel := context.WithTimeout(all, tellWait)
	defer cancel()
	if !r.toldWithin(last) {
		errs = append(errs, &Error{Op: "close", Err: freeze(errors.New("the observer or the log's handler does not return"))})
	}
	return errors.Join(errs...)
}

// lateLeases returns the leases of what reads brought that were under way when
// the resolver was closed.
func (r *Resolver) lateLeases() []retired {
	r.lock()
	late := r.retired
	r.retired = nil
	r.unlock()
	return late
}

// closeProviders closes what the resolver opened, and returns what those said
// that were done when ctx ended.
func closeProviders(ctx context.Context, opened []*provider, detach bool) []error {
	var mu sync.Mutex
	var errs []error
	say := func(p *provider, err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, &Error{Op: "close", Provider: p.scheme, Err: freeze(err)})
	}
	done := within(ctx, func() {
		parallel(len(opened), len(opened), func(i int) {
			if err := endProvider(opened[i].given(), detach); err != nil {
				say(opened[i], err)
			}
		})
	})
	mu.Lock()
	defer mu.Unlock()
	if !done {
		return append(errs[:len(errs):len(errs)], &Error{Op: "close", Err: freeze(errors.New("a provider did not close in time"))})
	}
	return errs
}

// endProvider closes a provider, or has it let go without ending its login.
func endProvider(p Provider, detach bool) error {
	if d, ok := p.(interface{ Detach() error }); ok && detach {
		return guard(d.Detach)
	}
	return closeProvider(p)
}

// within calls f, and reports whether it returned before ctx ended.
func within(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
