package cache

import (
	"context"
	"iter"
	"sync"
	"time"
)

// A Config says how a Cache keeps documents. It is not changed afterwards.
type Config struct {
	TTL         time.Duration // of a document whose Space has none; 0: nothing is kept
	MaxStale    time.Duration // for how long a version is served after it was read
	Timeout     time.Duration // of one read, its tries included
	Idle        time.Duration // a document that nobody uses for as long is read on demand only; 0: three TTLs
	NegativeTTL time.Duration // for how long a document is remembered as missing
	MaxEntries  int           // documents and names that are held
	OnDemand    bool          // no goroutine reads ahead
	Clock       Clock
	Errors      Errors
}

// Errors are the failures that a Cache makes itself.
type Errors struct {
	Closed    error // the Cache was closed
	Timeout   error // no answer in time; wraps context.DeadlineExceeded
	Exited    error // a Source ended its goroutine
	Abandoned error // all callers stopped waiting before the read began
	// Expired returns the error of a version that had expired by then when it
	// was read.
	Expired func(then time.Time) error
}

// A Cache keeps documents: it reads each once, however many callers want it,
// keeps it fresh, and evicts documents when there are too many. Its methods are
// safe for concurrent use; the methods of a [Tx] need the lock, and a Tx is that
// lock.
type Cache struct {
	Config
	owner Owner

	ctx    context.Context // of every read; ends at Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	reads  chan func()   // to goroutines that wait for the next read
	wake   chan struct{} // holds a token when the refresher has work

	mu         sync.Mutex // guards the fields below, and every Doc
	locked     bool       // lets a Tx find out that it is spent
	at         int64      // the time, read once for each Lock; 0: not read yet
	backends   []*Backend
	expiring   *docHeap // documents that hold a version which has not expired
	missing    *docHeap // documents that hold none
	misses     int64    // counts how often a document that holds none was asked for
	held       int      // documents that hold a version
	names      int      // that the Owner holds, see AddNames
	searching  int      // names that are being searched for together
	sweepAfter int64    // no sweep before
	lastRead   int64    // when a read was last settled; each is later than the one before
	drift      driftMeter
	retired    []retired
	watches    map[*Doc]*watching // of documents whose Source reports changes
	running    bool               // the refresher runs
	wakeAt     int64              // when it next wakes
	tidyAt     int64              // when it next forgets missing documents and calls Owner.Tick
	closed     bool
}

// New returns an empty Cache.
func New(config Config, owner Owner) *Cache {
	c := &Cache{
		Config:   config,
		owner:    owner,
		reads:    make(chan func()),
		wake:     make(chan struct{}, 1),
		expiring: newExpiryHeap(),
		missing:  newMissingHeap(),
		watches:  make(map[*Doc]*watching),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	offset, _ := c.Clock.offset()
	c.drift.jump(offset)
	return c
}

// Context returns a context that ends when the Cache is closed.
func (c *Cache) Context() context.Context { return c.ctx }

// Now returns the monotonic time in ns.
func (c *Cache) Now() int64 {
	_, mono := c.Clock()
	return int64(mono)
}

// Wall returns the wall time.
func (c *Cache) Wall() time.Time {
	wall, _ := c.Clock()
	return wall
}

// End returns until when a replaced version may be served, on the monotonic clock,
// in ns.
func (c *Cache) End(v *Version) int64 { return v.end(int64(c.MaxStale)) }

// A Tx is the lock of a Cache, held, until Unlock. A function that needs the lock
// takes a Tx. A Tx that is used after Unlock panics, unless another goroutine holds
// the lock at that moment: then the race detector finds the mistake.
type Tx struct{ c *Cache }

// Lock takes the lock.
func (c *Cache) Lock() Tx {
	c.mu.Lock()
	c.locked, c.at = true, 0
	return Tx{c}
}

// Unlock releases the lock.
func (tx Tx) Unlock() {
	tx.cache().locked = false
	tx.c.mu.Unlock()
}

// cache returns the Cache, whose lock is held.
func (tx Tx) cache() *Cache {
	if !tx.c.locked {
		panic("cache: a Tx is used after Unlock")
	}
	return tx.c
}

// Now returns the monotonic time in ns, one for as long as the lock is held.
func (tx Tx) Now() int64 {
	c := tx.cache()
	if c.at == 0 {
		c.at = c.Now()
	}
	return c.at
}

// Closed reports whether the Cache was closed.
func (tx Tx) Closed() bool { return tx.cache().closed }

// LastRead returns when a read was last settled. Every read that begins from now on
// has a later time.
func (tx Tx) LastRead() int64 { return tx.cache().lastRead }

// Docs yields every document.
func (tx Tx) Docs() iter.Seq[*Doc] {
	return func(yield func(*Doc) bool) {
		for _, b := range tx.cache().backends {
			for _, s := range b.spaces {
				for _, d := range s.docs {
					if !yield(d) {
						return
					}
				}
			}
		}
	}
}

// Counts returns how many documents hold a version, and how many are
// remembered as missing.
func (tx Tx) Counts() (held, missing int) {
	return tx.cache().held, len(tx.c.missing.docs)
}

// Go runs f on a goroutine that Close waits for. It is called with the lock
// held and the Cache open, or on a goroutine that Close waits for.
func (c *Cache) Go(f func()) { c.work.Go(f) }

// linger is how long a goroutine that has called a Source waits for the next
// call. Its stack has grown to the size that an SDK needs, and growing another
// stack costs more than all else that the Cache adds to a read.
const linger = 2 * time.Second

// GoRead is Go for an f that calls a Source, which may end its goroutine. f runs on
// a goroutine that waits for work, or else on a new one.
func (c *Cache) GoRead(f func()) {
	select {
	case c.reads <- f:
		return
	default:
	}
	c.Go(func() {
		f()
		if !c.OnDemand { // on demand, no goroutine lives when nobody waits
			c.readMore()
		}
	})
}

// readMore runs the functions that GoRead is given, until none has come for the
// linger time.
func (c *Cache) readMore() {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		select {
		case f := <-c.reads:
			f()
			timer.Reset(linger)
		case <-timer.C:
			return
		case <-c.ctx.Done():
			return
		}
	}
}
