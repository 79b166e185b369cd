package secrets

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// What a provider does to the goroutine that calls it, it does to that
// goroutine alone: each call has one of its own, and whoever needs the outcome
// waits for that. A read is the exception, since it is on a goroutine of the
// resolver anyway and each change of goroutines costs time: the cache finds out
// if that ends.

// errPanic is a provider's panic, without the panic's value, which may hold
// anything.
var errPanic = errors.New("the provider panicked")

// errExit is a provider's runtime.Goexit: a require of testify in a provider
// for tests calls it, for one.
var errExit = errors.New("the provider ended its goroutine (runtime.Goexit; does it call FailNow of a test?)")

// guard calls f on a goroutine of its own. A panic there, and runtime.Goexit,
// are errors, and so is what f returns made safe: see [freeze].
func guard(f func() error) error { return <-guarded(f) }

// guarded starts f, and returns where its error will be.
func guarded(f func() error) <-chan error {
	done := make(chan error, 1)
	go protect(f, done)
	return done
}

// protect calls f, and tells done of its error, whatever f does.
func protect(f func() error, done chan<- error) {
	err := fault(errExit)
	defer func() { done <- err }()
	err = recovered(f)
}

// recovered calls f and turns a panic into an error that tells where.
func recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault(fmt.Errorf("%w with a %T at %s", errPanic, p, panicPlace()))
		}
	}()
	return freeze(f())
}

// errExited is errExit as it is told.
var errExited = fault(errExit)

// fault is an error of the provider's code.
func fault(err error) error { return freeze(fmt.Errorf("%w: %w", ErrUnavailable, err)) }

// isFault reports whether an error is one of the provider's code, which asking
// again at once does not mend.
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
