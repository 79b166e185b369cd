package awsapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-secrets/secrets"
)

// classes are those of package secrets, in no order.
var classes = []error{
	secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable,
	secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
}

// A foreignError is one of a user's own client or credential provider that has a
// class of ours: it reads its keys with package secrets. The class is about the
// keys and not about the secret that is read with them, so errors.Is does not
// find it; all else is found.
type foreignError struct {
	err   error
	class error
}

// withoutClass returns err as one that has none of our classes.
func withoutClass(err error) error {
	for _, class := range classes {
		if errors.Is(err, class) {
			return &foreignError{err, class}
		}
	}
	return err
}

func (e *foreignError) Error() string { return e.err.Error() }

// Is finds what the error wraps, apart from a class.
func (e *foreignError) Is(target error) bool {
	for _, class := range classes {
		if target == class {
			return false
		}
	}
	return errors.Is(e.err, target)
}

// As finds what the error wraps.
func (e *foreignError) As(target any) bool { return errors.As(e.err, target) }

// trouble is the class of an error that has to do with its source, and passes;
// nil: it has none.
func trouble(err error) error {
	var foreign *foreignError
	if errors.As(err, &foreign) && (foreign.class == secrets.ErrUnavailable || foreign.class == secrets.ErrThrottled) {
		return foreign.class
	}
	return nil
}

// asRoundTripper lets a user's own client be one.
type asRoundTripper struct{ HTTPClient }

func (a asRoundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.Do(req)
	if err != nil {
		err = withoutClass(err)
	}
	return resp, err
}

// isLate reports whether an error says that the time is up.
func isLate(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
