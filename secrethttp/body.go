package secrethttp

import (
	"bytes"
	"io"
	"time"
)

// What is read early of a refusal's body, and for how long it is waited for.
const (
	drainBytes = 64 << 10
	drainTime  = 100 * time.Millisecond
)

// An earlyBody is a body that is read while nobody asks for it: its connection
// is free once it has been read, so that it holds up no other request while
// this one waits for another credential.
type earlyBody struct {
	body  io.ReadCloser
	begun chan struct{} // closed when start is there
	start bytes.Buffer
	err   error // what ended start; nil: there is more
}

// readEarly returns a body that reads as the given one does. It waits a moment
// for its end.
func readEarly(body io.ReadCloser) io.ReadCloser {
	e := &earlyBody{body: body, begun: make(chan struct{})}
	go func() { // ends when the body is closed, at the latest
		defer close(e.begun)
		_, e.err = io.CopyN(&e.start, body, drainBytes)
	}()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-e.begun:
	case <-timer.C:
	}
	return e
}

// Read reads what was read early, and then the rest.
func (e *earlyBody) Read(p []byte) (int, error) {
	<-e.begun
	switch {
	case e.start.Len() > 0:
		return e.start.Read(p)
	case e.err != nil:
		return 0, e.err
	}
	return e.body.Read(p)
}

// Close closes the body.
func (e *earlyBody) Close() error { return e.body.Close() }
