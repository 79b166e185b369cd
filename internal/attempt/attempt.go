// Package attempt divides the time of one read between two requests: a request
// that gets no answer is cut once, so that a dead connection costs a third of the
// time and not all of it.
package attempt

import (
	"context"
	"errors"
	"time"
)

// errCut is the cause of a first request's end.
var errCut = errors.New("no answer in a third of the time: asked once more")

// Twice calls request, which must be idempotent, with a third of the time that
// ctx has left. If that time passes without an answer, it calls request once more
// with the rest. Any other result of the first call is final. If ctx has no
// deadline, Twice calls request once.
//
// A failure in the last twentieth of the third counts as no answer: gRPC sends the
// deadline to the server, which may end the call first.
//
// Logins, and reads that make something, such as a database user, must not be
// called through Twice.
func Twice[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return request(ctx)
	}
	third := time.Until(deadline) / 3
	start := time.Now()
	first, cancel := context.WithTimeoutCause(ctx, third, errCut)
	v, err := request(first)
	cut := err != nil && ctx.Err() == nil && (errors.Is(context.Cause(first), errCut) || time.Since(start) > third-third/20)
	cancel()
	if !cut {
		return v, err
	}
	return request(ctx)
}
