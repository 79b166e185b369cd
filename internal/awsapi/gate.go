package awsapi

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// deniedFor is how long a denied batch is not asked for again.
const deniedFor = 10 * time.Minute

// A Fallback says what becomes of the documents of a batch that failed as a
// whole.
type Fallback int

// The ways that a batch can fail.
const (
	Fails   Fallback = iota // single reads would, too
	Singly                  // it may be about one of the documents
	Denied                  // as Singly, or batches are not allowed
	Unknown                 // there are no batches at this endpoint: an emulator, or an old service
)

// FailBatch is Fail for a batch, and tells what becomes of its documents.
func (c *Call) FailBatch(conn *Conn, err error) (*fault.Error, Fallback) {
	f, a := c.Fail(conn, err), AnswerOf(err)
	word := strings.TrimSuffix(a.Code, "Exception")
	switch {
	case a.Status == http.StatusNotImplemented, word == "UnknownOperation", word == "InvalidAction", word == "NotImplemented",
		word == "InternalFailure" && strings.Contains(a.Message, "implemented"), // an emulator's, whatever its status
		a.Code == "" && (a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed):
		return f, Unknown
	case f.Class == secrets.ErrPermission:
		return f, Denied
	case f.Class == secrets.ErrInvalid, f.Class == secrets.ErrNotFound:
		return f, Singly
	}
	return f, Fails
}

// A Gate remembers that batches are denied, so that they are not tried, and
// do not raise an alarm, again and again. The zero Gate is open.
type Gate struct {
	mu     sync.Mutex
	until  time.Time // closed until then
	shut   bool      // closed for good
	logged bool
}

// Open reports whether a batch may be tried.
func (g *Gate) Open() bool {
	g.mu.Lock()
	open := !g.shut && !time.Now().Before(g.until)
	g.mu.Unlock()
	return open
}

// Denied closes the gate for a while and says so in the log, the first time.
func (g *Gate) Denied(log *slog.Logger, msg string) {
	g.mu.Lock()
	first := !g.logged
	g.logged = true
	g.until = time.Now().Add(deniedFor)
	g.mu.Unlock()
	if first {
		if log == nil {
			log = slog.Default()
		}
		log.Warn("secrets: " + msg)
	}
}

// Allowed opens the gate: a batch has been answered.
func (g *Gate) Allowed() {
	g.mu.Lock()
	g.until = time.Time{}
	g.mu.Unlock()
}

// Confirm closes the gate for good if it is closed: a single read has
// succeeded, so it is the batch that the policy denies and nothing else.
func (g *Gate) Confirm() {
	g.mu.Lock()
	g.shut = g.shut || !g.until.IsZero()
	g.mu.Unlock()
}
