// Package attempt divides the time of one read between two requests
// (DESIGN.md 5, Attempts): a request that gets no answer is cut once, so that
// a connection that died in silence costs a third of the time and not all.
package attempt

import (
	"context"
	"errors"
	"time"
)

// errCut is the cause of a first request's end.
var errCut = errors.New("no answer in a third of the time: asked once more")

// Twice calls request, which must be idempotent, with a third of the time that
// ctx has left. If that passes without an answer, it calls request once more
// with all the rest. A context without a deadline gives one call all the time
// there is. Whatever else the first call returns is final.
//
// A failure in the last twentieth of the third counts as the cut: gRPC tells the
// server the deadline, and the server may end the call first.
//
// Logins and reads that make something, as a database user, must not be
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
