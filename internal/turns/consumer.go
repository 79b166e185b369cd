package turns

import (
	"context"
	"sync"
	"time"
)

// slowTry is how long the other workers of a consumer wait for its first try
// of a version. What takes longer says that the database is slow, and not that
// the password is wrong.
const slowTry = 2 * time.Second

// A Consumer is one who tries the versions of a secret, as a pool of
// connections to one database. Its zero value is ready to use. A nil Consumer
// stands for all those who did not say who they are.
type Consumer struct {
	mu       sync.Mutex // guards what follows
	accepted string     // the version that worked last
	works    bool       // accepted is such a version
	trial    *trial     // the first try of a version that is under way; nil: none
	refuser  *Ledger    // where a refusal of the accepted version was noted before it worked
}

// A trial is a consumer's first try of a version. The others of that consumer
// wait for what comes of it: fifty workers with a wrong password are one try.
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

// Refuse takes back what Accept said.
func (c *Consumer) Refuse(version string) { c.refuse(version, nil) }

// Accepts reports whether the last that was heard of the version is that it
// works.
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

// try makes the caller the one who tries a version that the consumer has not
// tried yet. It returns nil if the caller need not wait for anyone, and
// otherwise the trial that is under way, or that is the caller's.
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

// end wakes those who wait for a trial. It needs the lock, and may be called
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

// NewContext returns a context that says who tries the versions that
// [github.com/go-secrets/secrets.Resolver.Retry] hands out.
func NewContext(ctx context.Context, c *Consumer) context.Context {
	return context.WithValue(ctx, consumerKey{}, c)
}

// FromContext returns who tries; nil: the context does not say.
func FromContext(ctx context.Context) *Consumer {
	c, _ := ctx.Value(consumerKey{}).(*Consumer)
	return c
}
