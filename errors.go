package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/shorten"
)

// The classes of failure. Every error that a [Resolver] or a [Provider]
// returns is of one of them, unless the caller's context ended before the
// backend said anything; test for it with [errors.Is]. The backend's own error
// stays within reach of [errors.As].
var (
	// ErrNotFound: the backend answered, and it has no such secret, version
	// or field. Only this class lets a [Chain] ask its next member.
	ErrNotFound = errors.New("not found")
	// ErrPermission: the caller is known and may not read this secret.
	ErrPermission = errors.New("permission denied")
	// ErrUnauthenticated: no credentials, or the backend does not accept them.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrUnavailable: the backend gave no usable answer: it is down, unreachable,
	// timed out or sealed, or its answer is malformed. An error of no class
	// counts as this one.
	ErrUnavailable = errors.New("unavailable")
	// ErrThrottled: the backend asks for fewer calls.
	ErrThrottled = errors.New("throttled")
	// ErrInvalid: the name, reference, option or value cannot be right, and
	// asking again will not help.
	ErrInvalid = errors.New("invalid")
	// ErrClosed: the resolver was closed.
	ErrClosed = errors.New("closed")
)

// classes in order of precedence, for an error that has several: classes that
// another try cannot mend come first.
var classes = [...]*error{&ErrClosed, &ErrInvalid, &ErrPermission, &ErrUnauthenticated, &ErrThrottled, &ErrUnavailable, &ErrNotFound}

// classOf returns the class of err, or nil if it has none.
func classOf(err error) error {
	for _, class := range classes {
		if errors.Is(err, *class) {
			return *class
		}
	}
	return nil
}

// An Error says which name was asked for, where it was looked for, and why that
// failed. It holds no value and no credential.
type Error struct {
	Op       string // what was being done: get, refresh, open, decode …
	Name     string // the name as the app asked for it; may be empty
	Ref      string // where it was looked for, as a redacted reference; may be empty
	Provider string // the scheme of the provider; may be empty
	Err      error  // why; its class is found by errors.Is
}

// Error returns one line: operation, name, place, reason.
func (e *Error) Error() string {
	text := "secrets: " + e.Op
	if e.Name != "" {
		name := e.Name
		if scheme, _, uri := strings.Cut(name, "://"); uri {
			name = scheme + "://…" // a URI that was given as a name, and may hold a credential
		}
		text += " " + shorten.Quote(name)
	}
	if e.Ref != "" {
		text += ": " + e.Ref
	} else if e.Provider != "" {
		text += ": " + e.Provider
	}
	if e.Err != nil {
		text += ": " + strings.TrimPrefix(e.Err.Error(), "secrets: ")
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// invalid returns an error of class ErrInvalid.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// notFound returns an error of class ErrNotFound.
func notFound(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotFound, fmt.Sprintf(format, args...))
}

// A placeError is why one place does not have a name.
type placeError struct {
	place string
	err   error
}

func (e *placeError) Error() string { return e.place + ": " + e.err.Error() }
func (e *placeError) Unwrap() error { return e.err }

// A searchError has the errors of all places that were tried. Its class is that of
// the deciding error only.
type searchError struct {
	tried    []error
	deciding error
}

func (e *searchError) Error() string {
	text := ""
	for i, err := range e.tried {
		if i > 0 {
			text += "; "
		}
		text += err.Error()
	}
	return text
}

func (e *searchError) Unwrap() error { return e.deciding }

// both joins the errors of the exact document and the parent. The first one decides
// the class, unless it is ErrNotFound.
func both(first, second error) error {
	if first == nil {
		return second
	}
	e := &searchError{tried: []error{first, second}, deciding: first}
	if errors.Is(first, ErrNotFound) {
		e.deciding = second
	}
	return e
}

// remembered is an error that the backend gave a while ago.
type remembered struct {
	err error
	age time.Duration
}

func (e *remembered) Error() string {
	return fmt.Sprintf("%v (as of %v ago)", e.err, e.age.Round(time.Millisecond))
}

func (e *remembered) Unwrap() error { return e.err }

// A backendError is the frozen error of a provider: its methods were called once,
// where their panic does no harm, and the results are kept. errors.Is and errors.As
// find the cause. There is no Unwrap, since callers of it would call the methods of
// the cause, which may panic.
type backendError struct {
	text        string
	class       error
	retryAfter  time.Duration
	permission  string
	unspellable bool
	cause       error // nil: to walk through it panics, or does not end
}

// maxCauses is how many errors may be in one error's tree: more is a loop.
const maxCauses = 1000

// freeze returns err as an error that has a class and whose methods do not panic. If
// err has no class it is ErrUnavailable.
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

// Error returns the text that the error had when it was frozen.
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

// RetryAfter returns after which time the backend wants to be asked again; 0: it did
// not say.
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

// safely calls f, and reports whether it returned; false: it panicked.
func safely(f func()) (returned bool) {
	defer func() {
		if !returned {
			_ = recover()
		}
	}()
	f()
	return true
}

// count walks through an error and its causes, as errors.Is does, and subtracts 1
// from left for each.
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
