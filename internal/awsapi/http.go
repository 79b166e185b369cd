package awsapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/go-secrets/secrets/internal/attempt"
	"github.com/go-secrets/secrets/internal/limit"
)

// An HTTPClient is what the clients of the SDK send with.
type HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
}

// A service sends the requests of a service's client. Each has the time of its
// context, twice at most: all that is asked for here only reads. What comes is
// read whole, up to a bound, before the SDK sees it.
type service struct {
	next     http.RoundTripper
	max      int64                  // bytes of an answer
	idle     func()                 // closes idle connections; may be nil
	dialling func(*url.URL) dialing // nil: next is a user's own
}

// Do sends a request and returns its answer. If there is none within a third of
// the time, idle connections are closed, since they may be as dead as the one
// that was used, and the request is sent again.
func (s *service) Do(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil && req.Body != http.NoBody {
		var err error
		// The SDK closes the body that it made as soon as the answer's headers
		// are there, so the request gets one of its own. Where the transport has
		// not seen its end by then, it takes that for a failed write and drops
		// the connection, with the rest of the answer still in it.
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	return attempt.Twice(req.Context(), func(ctx context.Context) (*http.Response, error) {
		if s.dialling != nil {
			ctx = s.dialling(req.URL).in(ctx)
		}
		one := req.WithContext(ctx)
		if body != nil {
			one.Body = io.NopCloser(bytes.NewReader(body))
			one.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		}
		resp, err := whole(&limit.Transport{Next: s.next, Max: s.max}, one)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && s.idle != nil {
			s.idle()
		}
		return resp, err
	})
}

// whole sends a request and reads its answer to the end. What breaks the body
// is found by who reads it, after what came before; that the time is up is
// returned at once.
func whole(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err != nil || resp == nil || resp.Body == nil {
		return resp, err
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil && req.Context().Err() != nil {
		return nil, req.Context().Err()
	}
	var rest io.Reader = bytes.NewReader(data)
	if err != nil {
		rest = io.MultiReader(rest, broken{err})
	}
	resp.Body = io.NopCloser(rest)
	return resp, nil
}

// broken is a reader of the end that a body came to.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
