package awsapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// attemptTimeout bounds one attempt of one call, its body included. The SDK
// sets no bound: a server that accepts and never answers would block for ever.
const attemptTimeout = 3 * time.Second

// An HTTPClient is what the clients of the SDK send with.
type HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
}

// bounded gives each attempt of next a timeout, under the context of the call.
//
// After an attempt that timed out before a response, it has idle closed, if not
// nil: idle connections may be as dead as the one that was used, and each would
// cost the next attempt its time.
type bounded struct {
	next HTTPClient
	idle func()
}

func (b *bounded) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), attemptTimeout)
	own, err := detached(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp, err := b.next.Do(own)
	if err != nil || resp == nil || resp.Body == nil {
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && b.idle != nil {
			b.idle()
		}
		cancel()
		return resp, err
	}
	resp.Body = &cancelOnClose{resp.Body, cancel}
	return resp, nil
}

// detached gives a request a body of its own. The SDK closes the one that it
// made as soon as the response's headers are there; where the transport has not
// seen its end by then, it takes that for a failed write and drops the
// connection, with the rest of the response still in it.
func detached(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req, nil
}

type cancelOnClose struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *cancelOnClose) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// newTransport returns the SDK's transport, with the certificates that the
// configuration asks for, as one whose idle connections can be closed.
func newTransport(cfg aws.Config) *http.Transport {
	b, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		b = awshttp.NewBuildableClient()
	}
	t := b.GetTransport()
	t.DisableKeepAlives = false
	return t
}

// plainClient follows no redirect: the services send none, captive portals do.
func plainClient(t *http.Transport) *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Quiet returns the log mode without what would print values: the bodies of
// requests and responses.
func Quiet(m aws.ClientLogMode) aws.ClientLogMode {
	return m &^ (aws.LogRequestWithBody | aws.LogResponseWithBody | aws.LogRequestEventMessage | aws.LogResponseEventMessage)
}
