package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-secrets/secrets"
)

// The exit codes of the command. That of exec is the program's own, once that
// runs.
const (
	ExitOK              = 0
	ExitFailure         = 1   // check found something wrong, or a failure of no other kind
	ExitUsage           = 2   // wrong arguments or flags
	ExitNotFound        = 3   // no such secret
	ExitPermission      = 4   // it may not be read
	ExitUnauthenticated = 5   // no credentials, or refused ones
	ExitUnavailable     = 6   // the backend gives no usable answer, or asks for fewer calls
	ExitInvalid         = 7   // a name, URI, option, configuration or value that cannot be right
	ExitExec            = 125 // exec: a reference is not resolved, so that nothing was started
	ExitNotExecutable   = 126 // exec: the program cannot be started
	ExitNoProgram       = 127 // exec: there is no such program
	ExitInterrupted     = 130 // by SIGINT or SIGTERM
)

const exitCodeHelp = `Exit codes:
  0    all well
  1    check found something wrong, or a failure of no other kind
  2    wrong arguments or flags
  3    no such secret
  4    permission denied
  5    no credentials, or refused ones
  6    the backend is unavailable, or throttles
  7    a name, URI, option, configuration or value that cannot be right
  125  exec: a reference is not resolved; nothing was started
  126  exec: the program cannot be started
  127  exec: there is no such program
  130  interrupted
  exec that succeeds has the exit code of the program.`

// A codeError is an error with an exit code of its own.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

func withCode(code int, format string, args ...any) error {
	return &codeError{code: code, err: fmt.Errorf(format, args...)}
}

// A silentError has been told already, by what was printed.
type silentError struct{ code int }

func (silentError) Error() string { return "" }

// exitCode returns the exit code of an error.
func exitCode(ctx context.Context, err error) int {
	var coded *codeError
	var silent silentError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case ctx.Err() != nil:
		return ExitInterrupted
	case errors.As(err, &silent):
		return silent.code
	}
	switch classOf(err) {
	case secrets.ErrNotFound:
		return ExitNotFound
	case secrets.ErrPermission:
		return ExitPermission
	case secrets.ErrUnauthenticated:
		return ExitUnauthenticated
	case secrets.ErrUnavailable, secrets.ErrThrottled:
		return ExitUnavailable
	case secrets.ErrInvalid:
		return ExitInvalid
	}
	return ExitFailure
}

// classOf returns the class of an error; nil: it has none.
func classOf(err error) error {
	for _, class := range []error{
		secrets.ErrInvalid, secrets.ErrPermission, secrets.ErrUnauthenticated,
		secrets.ErrThrottled, secrets.ErrUnavailable, secrets.ErrNotFound,
	} {
		if errors.Is(err, class) {
			return class
		}
	}
	return nil
}
