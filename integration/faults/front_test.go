package faults_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/stretchr/testify/assert"
)

// A trouble is what is wrong with a server.
type trouble int

const (
	well trouble = iota
	throttled
	unavailable // 503
	slow        // by delay, each answer
	late        // nobody listens at first
	refused     // it does not accept the credentials
)

// A reply is how a server says that it is in trouble.
type reply struct {
	status       int
	header, body string // header: of the kind of error, as AWS has it; may be empty
}

func (r reply) write(w http.ResponseWriter) {
	if r.header != "" {
		w.Header().Set("X-Amzn-Errortype", r.header)
	}
	if len(r.body) > 0 && r.body[0] == '{' {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(r.status)
	_, _ = fmt.Fprint(w, r.body)
}

// A front stands before a server, and has its troubles.
type front struct {
	says    map[trouble]reply
	delay   time.Duration
	affects func(*http.Request) bool // nil: every request
	next    http.Handler

	mu      sync.Mutex
	trouble trouble
	lasts   time.Duration // from the first request on; 0: until mend
	first   time.Time
	calls   int
	port    *awstest.Reserved
	server  *http.Server
	open    bool
}

// start puts the front on a loopback port, until the test ends, and returns its
// URL.
func (f *front) start(t *testing.T) string {
	t.Helper()
	f.port = awstest.Reserve(t)
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { _ = f.server.Close() })
	if f.trouble != late {
		f.listen(t)
		return "http://" + f.port.Addr
	}
	if f.lasts > 0 {
		timer := time.AfterFunc(f.lasts, func() { f.mend(t) })
		t.Cleanup(func() { timer.Stop() })
	}
	return "http://" + f.port.Addr
}

// listen has the front accept connections.
func (f *front) listen(t *testing.T) {
	f.open = true
	l, err := f.port.Listen()
	if assert.NoError(t, err) {
		go func() { _ = f.server.Serve(l) }()
	}
}

// mend ends the trouble.
func (f *front) mend(t *testing.T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = well
	if !f.open {
		f.listen(t)
	}
}

// now returns the trouble that a request meets.
func (f *front) now(r *http.Request) trouble {
	if f.affects != nil && !f.affects(r) {
		return well
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls == 1 {
		f.first = time.Now()
	}
	if f.lasts > 0 && time.Since(f.first) >= f.lasts {
		return well
	}
	return f.trouble
}

// asked returns how many requests the front had, of those that it affects.
func (f *front) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := f.now(r)
	if says, ok := f.says[what]; ok {
		says.write(w)
		return
	}
	if what == slow {
		select {
		case <-time.After(f.delay):
		case <-r.Context().Done():
			return
		}
	}
	f.next.ServeHTTP(w, r)
}
