package turns

import (
	"context"
	"sync"
	"time"
)

// slowTry is how long the other workers of a consumer wait for its first try
// of a version. A try that takes longer means that the database is slow, and not
// that the password is wrong.
const slowTry = 2 * time.Second

// A Consumer tries the versions of a secret, as a pool of connections to one
// database does. Its zero value is ready to use. A nil Consumer is the anonymous
// one: all callers that gave none.
type Consumer struct {
	mu       sync.Mutex // guards what follows
	accepted string     // the version that worked last
	works    bool       // accepted is such a version
	trial    *trial     // the first try of a version that is under way; nil: none
	refuser  *Ledger    // that recorded a refusal of the accepted version before it worked
}

// A trial is a consumer's first try of a version. The consumer's other workers wait
// for its result: fifty workers with a wrong password make one try.
type trial struct {
	version string
	done    chan struct{}
	slowAt  time.Time
}

// Accept says that the version works for the consumer.
func (c *Consumer) Accept(version string) {
	c.mu.Lock()
	c.accepted, c.works = version, true
	refuser := c.refuser
	c.refuser = nil
	if t := c.trial; t != nil && t.version == version {
		c.end(t)
	}
	c.mu.Unlock()
	refuser.clear(version, c)
}

// Refuse says that the version does not work for the consumer any more.
func (c *Consumer) Refuse(version string) { c.refuse(version, nil) }

// Accepts reports whether the version works for the consumer, as far as is known.
func (c *Consumer) Accepts(version string) bool { return version != "" && c.accepts(version) }

func (c *Consumer) accepts(version string) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.works && c.accepted == version
}

func (c *Consumer) refuse(version string, l *Ledger) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accepted == version {
		c.works = false
	}
	if l != nil {
		c.refuser = l
	}
}

// try returns the trial of a version that the consumer has not tried yet. mine is
// true if it is the caller's trial; else the caller waits for it. It returns nil if
// the caller may try without waiting.
func (c *Consumer) try(version string, now time.Time) (t *trial, mine bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t = c.trial; t != nil && t.version == version {
		if !now.Before(t.slowAt) {
			return nil, false
		}
		return t, false
	}
	c.trial = &trial{version: version, done: make(chan struct{}), slowAt: now.Add(slowTry)}
	return c.trial, true
}

func (c *Consumer) tried(t *trial) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(t)
}

// end wakes the workers that wait for a trial. It needs the lock, and may be called
// twice for one trial.
func (c *Consumer) end(t *trial) {
	select {
	case <-t.done:
	default:
		close(t.done)
	}
	if c.trial == t {
		c.trial = nil
	}
}

type consumerKey struct{}

// NewContext returns a context with the consumer for which
// [github.com/go-secrets/secrets.Resolver.Retry] tries versions.
func NewContext(ctx context.Context, c *Consumer) context.Context {
	return context.WithValue(ctx, consumerKey{}, c)
}

// FromContext returns the consumer of a context; nil: it has none.
func FromContext(ctx context.Context) *Consumer {
	c, _ := ctx.Value(consumerKey{}).(*Consumer)
	return c
}
