package awsapi

import (
	"log/slog"
	"sync"
	"time"
)

// deniedFor is how long a denied batch is not asked for again.
const deniedFor = 10 * time.Minute

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
