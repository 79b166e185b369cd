package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A backendError is what a provider, or its backend, said went wrong: an error
// whose methods are called once, where a panic of theirs does no harm, and
// whose answers are kept for everybody who asks later. Its cause is found by
// errors.Is and errors.As, and by nothing that calls its methods unguarded;
// so it has no Unwrap.
type backendError struct {
	text        string
	class       error
	retryAfter  time.Duration
	permission  string
	unspellable bool
	cause       error // nil: not even to be walked through
}

// maxCauses is how many errors one may be made of: more is a loop.
const maxCauses = 1000

// freeze returns err as an error of a class that nobody has to fear. Of no
// class is unavailable.
func freeze(err error) error {
	if err == nil {
		return nil
	}
	if frozen, ok := err.(*backendError); ok {
		return frozen
	}
	e := &backendError{class: ErrUnavailable}
	if !safely(func() { e.text = err.Error() }) || strings.Contains(e.text, "(PANIC=") { // package fmt prints the panic's value
		e.text = fmt.Sprintf("an error of type %T, whose methods panic when it is printed", err)
	}
	causes := maxCauses
	if !safely(func() { count(err, &causes) }) || causes <= 0 {
		e.text = ErrUnavailable.Error() + ": " + e.text
		return e
	}
	e.cause = err
	classified := false
	for _, class := range classes {
		if is(err, *class) {
			e.class, classified = *class, true
			break
		}
	}
	switch {
	case classified:
	case is(err, context.DeadlineExceeded):
		e.text = ErrUnavailable.Error() + ": no answer in time: " + e.text
	default:
		e.text = ErrUnavailable.Error() + ": " + e.text
	}
	safely(func() { e.retryAfter = retryAfterOf(err) })
	safely(func() {
		var missing interface{ Permission() string }
		if errors.As(err, &missing) {
			e.permission = missing.Permission()
		}
	})
	safely(func() {
		var name interface{ Unspellable() bool }
		e.unspellable = errors.As(err, &name) && name.Unspellable()
	})
	return e
}

// Error returns what the error said when it came.
func (e *backendError) Error() string { return e.text }

// Is reports whether the error is of a class, or target is among its causes.
func (e *backendError) Is(target error) bool {
	return target == e.class || e.cause != nil && is(e.cause, target)
}

// As finds the first among the causes that fits target.
func (e *backendError) As(target any) (found bool) {
	if e.cause != nil {
		safely(func() { found = errors.As(e.cause, target) })
	}
	return found
}

// RetryAfter returns the backend's own word on when to ask again; 0: none.
func (e *backendError) RetryAfter() time.Duration { return e.retryAfter }

// Permission returns the name of the missing permission; empty: none or
// unknown.
func (e *backendError) Permission() string { return e.permission }

// Unspellable reports whether the backend can hold no document of this name.
func (e *backendError) Unspellable() bool { return e.unspellable }

// is is errors.Is for an error whose methods may panic.
func is(err, target error) (yes bool) {
	safely(func() { yes = errors.Is(err, target) })
	return yes
}

// safely calls f, and reports whether it did not panic.
func safely(f func()) (returned bool) {
	defer func() {
		if !returned {
			_ = recover()
		}
	}()
	f()
	return true
}

// count walks through an error and its causes, as errors.Is does, and takes
// each of them off left.
func count(err error, left *int) {
	for err != nil && *left > 0 {
		*left--
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, cause := range e.Unwrap() {
				count(cause, left)
			}
			return
		default:
			return
		}
	}
}
