// Package limit bounds how much of a server's answer is read, before any SDK sees
// it: a hostile or broken server may answer with gigabytes, or with a kilobyte
// that unpacks to gigabytes.
package limit

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ErrTooLarge is the cause of an error about an answer that is larger than
// the limit.
var ErrTooLarge = errors.New("the answer is larger than any that this service gives")

// Header is the most bytes of headers that an answer may have, for
// [http.Transport.MaxResponseHeaderBytes].
const Header = 256 << 10

// A Transport reads at most Max bytes of each answer's body (MaxError if the answer
// is an error), counted after Next has unpacked it. Reading beyond that returns an
// error that wraps ErrTooLarge, and never io.EOF. A Transport refuses a compressed
// body that Next does not unpack, because the code that unpacks it later has no
// bound.
type Transport struct {
	Next     http.RoundTripper
	Max      int64 // bytes of an answer
	MaxError int64 // bytes of one whose status is 400 or more; 0: Max
}

// RoundTrip sends the request by Next.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Next.RoundTrip(req)
	if err != nil || resp == nil || resp.Body == nil {
		return resp, err
	}
	most := t.Max
	if resp.StatusCode >= http.StatusBadRequest && t.MaxError > 0 {
		most = t.MaxError
	}
	if resp.ContentLength > most {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooLarge, resp.ContentLength, most)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the answer is packed as %q, which was not asked for", shorten(encoding))
	}
	resp.Body = &body{ReadCloser: resp.Body, left: most, max: most}
	return resp, nil
}

// CloseIdleConnections closes the idle connections of Next.
func (t *Transport) CloseIdleConnections() {
	if next, ok := t.Next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

func shorten(s string) string { return s[:min(len(s), 40)] }

type body struct {
	io.ReadCloser
	left, max int64
}

// Read asks for one byte more than is left, to tell an end from a limit.
func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLarge()
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, b.left = int(b.left), -1
		return n, b.tooLarge()
	}
	b.left -= int64(n)
	return n, err
}

func (b *body) tooLarge() error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.max)
}
