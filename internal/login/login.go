// Package login gets credentials. All callers share one attempt at a time, which
// goes on if they stop waiting, and its failure is remembered for as long as that of
// a read.
package login

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// ErrClosed is returned after Close.
var ErrClosed = errors.New("closed")

// longest is the time of an attempt if no caller has a deadline.
const longest = 30 * time.Second

// A Flight runs the attempts to get a T. Its zero value, with Attempt set, is
// ready to use. Its methods are safe for concurrent use.
type Flight[T any] struct {
	// Attempt gets the credentials. Its context ends at Close, or when its time is
	// up. That is the longest time that any caller has, counted from the start of
	// the attempt, and at least Least. So an attempt on a dead connection ends,
	// even if new callers keep coming.
	Attempt func(context.Context) (T, error)

	// Least is how long an attempt may take even if its callers have less time. A
	// login may use up a credential that works once, and the next caller gets its
	// answer.
	Least time.Duration

	// Remember returns for how long the n-th failure in a row is returned without
	// another attempt. nil: policy.Memory with the error's own RetryAfter.
	Remember func(err error, n int) time.Duration

	// Print returns a fingerprint of what an attempt reads (variables, files). A
	// failure is remembered only while the fingerprint stays the same. nil: always.
	Print func() uint64

	mu       sync.Mutex // guards what follows
	current  *attempt[T]
	failure  error
	failures int
	until    time.Time
	print    uint64
	closed   bool
	running  sync.WaitGroup
}

type attempt[T any] struct {
	done   chan struct{}
	cancel context.CancelFunc
	timer  *time.Timer // calls cancel at deadline
	start  time.Time
	end    time.Time // guarded by the Flight's lock
	cut    bool      // when done: its time was up
	value  T         // when done
	err    error     // when done
}

// Do returns the remembered failure, or else the outcome of the attempt under way,
// or of one that it starts. If ctx ends first, Do returns the context's error, and
// the attempt goes on for the next callers.
func (f *Flight[T]) Do(ctx context.Context) (T, error) {
	var zero T
	for {
		a, outlives, err := f.join(ctx)
		if err != nil {
			return zero, err
		}
		select {
		case <-a.done:
			if !a.cut || !outlives {
				return a.value, a.err
			}
		case <-ctx.Done():
			return zero, context.Cause(ctx)
		}
	}
}

// Start starts an attempt, unless one is under way or a failure is remembered,
// and does not wait for it: for credentials that are renewed while they are in use.
// Its time is as for [Flight.Do].
func (f *Flight[T]) Start(ctx context.Context) { _, _, _ = f.join(ctx) }

// join returns the attempt to wait for. outlives reports whether the caller has more
// time than the attempt: if the attempt's time is up, the caller then tries again.
func (f *Flight[T]) join(ctx context.Context) (a *attempt[T], outlives bool, err error) {
	var print uint64
	if f.Print != nil {
		print = f.Print()
	}
	now := time.Now()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = now.Add(longest)
	}
	patience := max(deadline.Sub(now), f.Least)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, ErrClosed
	}
	if a := f.current; a != nil {
		if end := a.start.Add(patience); end.After(a.end) && a.timer.Stop() {
			a.timer.Reset(end.Sub(now))
			a.end = end
		}
		return a, deadline.After(a.end), nil
	}
	if f.failure != nil && f.print == print && now.Before(f.until) {
		return nil, false, f.failure
	}
	if f.print != print {
		f.failures = 0
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a = &attempt[T]{done: make(chan struct{}), cancel: cancel, start: now, end: now.Add(patience)}
	a.timer = time.AfterFunc(patience, cancel)
	f.current, f.print = a, print
	f.running.Go(func() { f.run(run, a) })
	return a, false, nil
}

// errPanicked is the error of an attempt that panicked, without the panic's value,
// which may be a credential.
var errPanicked = errors.New("the attempt to get credentials panicked")

func (f *Flight[T]) run(ctx context.Context, a *attempt[T]) {
	a.err = errPanicked // also where Attempt calls runtime.Goexit
	defer func() {
		_ = recover()
		f.mu.Lock()
		defer f.mu.Unlock()
		a.cut = !a.timer.Stop() && ctx.Err() != nil && !f.closed && a.err != nil
		a.cancel()
		f.current = nil
		f.failure = a.err
		if a.cut { // no failure for a caller that has more time
			f.failure = nil
		} else if a.err != nil {
			f.failures++
			f.until = time.Now().Add(f.remember(a.err))
		} else {
			f.failures = 0
		}
		close(a.done)
	}()
	a.value, a.err = f.Attempt(ctx)
}

func (f *Flight[T]) remember(err error) time.Duration {
	if f.Remember != nil {
		return f.Remember(err, f.failures)
	}
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) {
		return policy.Memory(f.failures, asked.RetryAfter())
	}
	return policy.Memory(f.failures, 0)
}

// Forget forgets the remembered failure, so that the next caller starts an attempt.
func (f *Flight[T]) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failure, f.failures = nil, 0
}

// Close ends an attempt that is under way and waits for it. Do returns
// ErrClosed afterwards.
func (f *Flight[T]) Close() {
	f.mu.Lock()
	f.closed = true
	if f.current != nil {
		f.current.cancel()
	}
	f.mu.Unlock()
	f.running.Wait()
}
