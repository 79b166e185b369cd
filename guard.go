package secrets

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// A provider may panic, or end the goroutine that calls it. So each call has a
// goroutine of its own, and its caller waits for the result. Only a read has none:
// it runs on a goroutine of the resolver anyway, and another would cost time. If the
// provider ends that goroutine, the cache finds out.

// errPanic is a provider's panic, without the panic's value, which may hold
// anything.
var errPanic = errors.New("the provider panicked")

// errExit is a provider's runtime.Goexit; for example, a require of testify in a
// provider for tests calls it.
var errExit = errors.New("the provider ended its goroutine (runtime.Goexit; does it call FailNow of a test?)")

// guard calls f on a goroutine of its own, and returns its error, frozen. If f
// panics or calls runtime.Goexit, that is an error, too.
func guard(f func() error) error { return <-guarded(f) }

// guarded starts f, and returns the channel that will have its error.
func guarded(f func() error) <-chan error {
	done := make(chan error, 1)
	go protect(f, done)
	return done
}

// protect calls f and sends its error to done, even if f panics or calls Goexit.
func protect(f func() error, done chan<- error) {
	err := fault(errExit)
	defer func() { done <- err }()
	err = recovered(f)
}

// recovered calls f and turns a panic into an error that names the place.
func recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault(fmt.Errorf("%w with a %T at %s", errPanic, p, panicPlace()))
		}
	}()
	return freeze(f())
}

// errExited is errExit as callers see it.
var errExited = fault(errExit)

// fault is an error of the provider's code.
func fault(err error) error { return freeze(fmt.Errorf("%w: %w", ErrUnavailable, err)) }

// isFault reports whether an error is one of the provider's code: trying again at
// once does not help.
func isFault(err error) bool { return errors.Is(err, errPanic) || errors.Is(err, errExit) }

// panicPlace returns the function that panicked.
func panicPlace() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for panicking := false; ; {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && !isRuntime(frame.Function), !more:
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
	}
}

func isRuntime(function string) bool {
	return strings.HasPrefix(function, "runtime.")
}
