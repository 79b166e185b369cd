package secrets

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// closeWait is how long Close waits for providers and revocations.
	closeWait = 5 * time.Second
	// tellWait is how long it waits for the observer and the log.
	tellWait = time.Second
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
	tx := r.cache.Lock()
	if tx.Closed() {
		tx.Unlock()
		return r.err
	}
	tx.Close()
	r.names.clear()
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
	last, cancel := context.WithTimeout(all, tellWait)
	defer cancel()
	if !r.told.drained(last) {
		errs = append(errs, &Error{Op: "close", Err: freeze(errors.New("the observer or the log's handler does not return"))})
	}
	if r.err != nil {
		return r.err
	}
	return errors.Join(errs...)
}

// endProviders closes what the resolver opened, and returns what those said
// that were done when ctx ended.
func endProviders(ctx context.Context, opened []*provider, detach bool) []error {
	var mu sync.Mutex
	var errs []error
	done := make(chan struct{})
	go func() {
		defer close(done)
		parallel(len(opened), len(opened), func(i int) {
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
