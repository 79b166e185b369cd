// Package answers is for the fuzz tests of what servers answer: it answers with
// the bytes that the fuzzer made, and checks what a backend makes of them.
package answers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/go-secrets/secrets"
)

// Parse reads an answer as HTTP/1.1 has it, from the status line on. It stands
// for a transport, so what it does not understand is an error, and so is the end
// of the bytes before that of the body.
func Parse(answer []byte, req *http.Request) (*http.Response, error) {
	r := bufio.NewReader(bytes.NewReader(answer))
	for range 5 {
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			return nil, fmt.Errorf("the transport: %w", err)
		}
		if resp.StatusCode < 100 || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, errors.New("the transport: too many interim answers")
}

// HTTP writes an answer for a corpus. A header reads "Name: value".
func HTTP(status int, body string, headers ...string) []byte {
	lines := append([]string{fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status))}, headers...)
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	return []byte(strings.Join(lines, "\r\n"))
}

var classes = []error{
	secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable,
	secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
}

// Check fails if an error has not exactly one class, or a text without measure.
func Check(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var of []error
	for _, class := range classes {
		if errors.Is(err, class) {
			of = append(of, class)
		}
	}
	if len(of) != 1 {
		t.Errorf("the error has the classes %v: %v", of, err)
	}
	if n := len(err.Error()); n > 8<<10 {
		t.Errorf("the error has %d bytes of text", n)
	}
}

// Within calls f with the time that a read may take. It fails if that did not
// suffice, or f took much more memory, in all, than an answer of size bytes is
// worth.
func Within(t testing.TB, size int, f func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	before := allocated()
	f(ctx)
	if ctx.Err() != nil {
		t.Errorf("it took all of 10 s")
	}
	if took, most := allocated()-before, uint64(8<<20+200*size); took > most { // #nosec G115 -- the length of a slice
		t.Errorf("an answer of %d bytes took %d bytes of memory", size, took)
	}
}

// allocated returns how many bytes the process has allocated. Unlike
// runtime.ReadMemStats it does not stop it.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
