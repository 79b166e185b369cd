package secrets

import (
	"context"
	"errors"
	"sync"
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

func (r *Resolver) close(detach bool) error {
	r.mu.Lock()
	if r.closed {
		r.unlock()
		return nil
	}
	r.closed = true
	r.names.clear()
	leases := r.leases()
	var opened []*provider
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				d.unpublish()
				if d.unwatch != nil {
					d.unwatch()
				}
			}
		}
		if p.opened != nil && p.opener != nil {
			opened = append(opened, p)
		}
	}
	for sub := range r.subs {
		sub.signal()
	}
	r.unlock()
	r.cancel()

	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if !detach {
		within(ctx, func() { revoke(ctx, leases) })
	}
	var mu sync.Mutex
	var errs []error
	within(ctx, func() {
		parallel(len(opened), max(len(opened), 1), func(i int) {
			err := endProvider(opened[i].opened, detach)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, &Error{Op: "close", Provider: opened[i].scheme, Err: withClass(err)})
			}
		})
	})
	if !within(ctx, r.work.Wait) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, &Error{Op: "close", Err: withClass(errors.New("a provider did not return when its context ended"))})
	}
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(errs...)
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
