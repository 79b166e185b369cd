package cache

import (
	"context"
	"errors"
	"time"

	"github.com/go-secrets/secrets/internal/parallel"
	"github.com/go-secrets/secrets/internal/policy"
)

// A Flight is a read of a document that is under way. All callers that want the
// document wait for this one read.
type Flight struct {
	doc   *Doc
	done  chan struct{} // closed once the document has the result
	start int64
	cold  bool // the document was never held: a transient failure is tried again

	// Guarded by Cache.mu.
	blockUntil int64           // until when users wait for it before they are served the held version; 0: they do not wait
	last       Outcome         // of the last try
	waiter     *Waiter         // the last that began to wait for it
	wanted     int             // waiters for which it is tried again
	unwanted   chan<- struct{} // gets a token when wanted becomes 0 between two tries; nil: it is being tried

	abandoned bool // it never started; set before done is closed
}

// A Reading is documents of one backend that are read together.
type Reading struct {
	backend  *Backend
	flights  []*Flight
	refresh  bool          // nobody waits
	searched bool          // a Waiter waits: a document that was never held is tried until the timeout
	spread   float64       // of the TTL, drawn once
	along    []*Doc        // refreshed documents with which those of Owner.Along are read
	onLate   func()        // if not nil, called when the flights are settled although the Source has not returned
	opening  time.Duration // the part of the timeout that opening the Source took

	call *Call // the last, until it is reported; guarded by Cache.mu
}

// overtime is how much longer than the timeout the Cache waits for a Source that
// ignores its context.
const overtime = 250 * time.Millisecond

// claim returns the flight of d. If there was none it makes one, which the caller
// must read: mine is true.
func (tx Tx) claim(d *Doc) (f *Flight, mine bool) {
	if d.flight != nil {
		return d.flight, false
	}
	d.flight = &Flight{doc: d, done: make(chan struct{}), start: tx.Now(), cold: d.version == nil}
	d.space.backend.due.remove(d)
	return d.flight, true
}

// with returns the same reading for other flights.
func (rd *Reading) with(flights []*Flight) *Reading {
	return &Reading{
		backend: rd.backend, flights: flights, refresh: rd.refresh, searched: rd.searched,
		spread: rd.spread, along: rd.along, onLate: rd.onLate, opening: rd.opening,
	}
}

// all returns the same outcome for every flight.
func (rd *Reading) all(o Outcome) []Outcome {
	outcomes := make([]Outcome, len(rd.flights))
	for i := range outcomes {
		outcomes[i] = o
	}
	return outcomes
}

// read reads everything in rd, in batches where the Source can, and settles
// every flight. cancelled, if not nil, is closed when nobody waits any more: then
// a part that still waits for a slot is abandoned, and a part that is being read
// goes on.
func (c *Cache) read(rd *Reading, cancelled <-chan struct{}) {
	rd.spread = policy.Spread()
	size := 1
	if len(rd.flights) > 1 {
		var opened bool
		if size, opened = c.batchSize(rd); !opened {
			return
		}
	}
	slots := rd.backend.cold
	if rd.refresh {
		slots = rd.backend.refresh
	}
	parts := (len(rd.flights) + size - 1) / size
	// One more than there are slots: it waits for a slot, and sees when cancelled
	// is closed.
	parallel.Each(parts, cap(slots)+1, func(i int) {
		part := rd
		if parts > 1 {
			part = rd.with(rd.flights[i*size : min((i+1)*size, len(rd.flights))])
		}
		c.readPart(part, slots, cancelled)
	})
}

// readPart reads the flights of one call, once there is a slot for it.
func (c *Cache) readPart(rd *Reading, slots chan struct{}, cancelled <-chan struct{}) {
	if failure := c.admit(slots, cancelled); failure != nil {
		c.settle(rd, rd.all(*failure))
		return
	}
	c.readAdmitted(rd, slots)
}

// batchSize opens the Source and returns how many documents one call reads. If the
// Source cannot be opened, all documents fail together, in one call. If it does not
// open in time, batchSize settles every flight and opened is false.
func (c *Cache) batchSize(rd *Reading) (size int, opened bool) {
	ctx, cancel := context.WithTimeout(c.ctx, c.Timeout)
	defer cancel()
	start := c.Now()
	batches := make(chan int, 1)
	c.Go(func() {
		batch, err := rd.backend.Open(ctx)
		if err != nil {
			batch = maxBatch
		}
		batches <- batch
	})
	select {
	case size := <-batches:
		rd.opening = time.Duration(c.Now() - start)
		return size, true
	case <-ctx.Done():
		c.settle(rd, rd.all(c.timedOut()))
		return 0, false
	}
}

func (c *Cache) timedOut() Outcome { return Outcome{Err: c.Errors.Timeout, Kind: Unavailable} }

// admit waits for a slot. It returns nil once it has one, or else the failure.
func (c *Cache) admit(slots chan struct{}, cancelled <-chan struct{}) *Outcome {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case slots <- struct{}{}:
		return nil
	case <-cancelled:
		return &Outcome{Err: c.Errors.Abandoned, Kind: abandoned}
	case <-c.ctx.Done():
		return &Outcome{Err: c.Errors.Closed, Kind: abandoned}
	}
}

// readAdmitted reads the flights of one call and settles them, within the timeout. The
// caller has taken a slot for it; it gives the slot back after each try, and takes
// one again for the next.
func (c *Cache) readAdmitted(rd *Reading, slots chan struct{}) {
	timeout := c.Timeout - rd.opening
	ctx, cancel := context.WithTimeout(c.ctx, timeout)
	defer cancel()
	defer c.settleLate(rd, timeout).Stop()

	left := rd
	for try := 1; ; try++ {
		outcomes := c.call(ctx, left, slots)
		wait, again := left.tryAgain(outcomes, try)
		if deadline, ok := ctx.Deadline(); len(again) == 0 || ok && time.Until(deadline) <= wait || ctx.Err() != nil {
			c.settle(left, outcomes)
			return
		}
		unwanted := make(chan struct{}, 1)
		left = c.settleSome(left, outcomes, again, unwanted)
		if left = c.backOff(ctx, left, wait, slots, unwanted); left == nil {
			return
		}
	}
}

// call calls the Source, and gives the slot back. If the Source ends this goroutine
// by runtime.Goexit, the reading fails with Errors.Exited, and a Waiter that read on
// this goroutine continues on another one.
func (c *Cache) call(ctx context.Context, rd *Reading, slots chan struct{}) []Outcome {
	start := c.Now()
	returned := false
	defer func() {
		<-slots
		if returned {
			return
		}
		outcomes := rd.all(Outcome{Err: c.Errors.Exited, Kind: Fault})
		c.noteCall(rd, Answer{Outcomes: outcomes, Called: true, Took: time.Duration(c.Now() - start)})
		c.settle(rd, outcomes)
		if rd.onLate != nil {
			rd.onLate()
		}
	}()
	at := make([]Place, len(rd.flights))
	tx := c.Lock()
	for i, f := range rd.flights {
		at[i] = f.doc.place()
	}
	tx.Unlock()
	answer := rd.backend.Read(ctx, at)
	returned = true
	c.noteCall(rd, answer)
	return answer.Outcomes
}

// noteCall keeps a call to be reported when its outcomes are settled.
func (c *Cache) noteCall(rd *Reading, answer Answer) {
	if !answer.Called {
		return
	}
	call := &Call{Backend: rd.backend, Outcomes: answer.Outcomes, Refresh: rd.refresh, Took: answer.Took}
	for _, f := range rd.flights {
		call.Docs = append(call.Docs, f.doc)
	}
	tx := c.Lock()
	rd.call = call
	tx.Unlock()
}

// settleLate returns a timer that settles the flights when the timeout and overtime
// have passed and the Source, which ignores its context, has not returned. Such a
// Source keeps its slot until it returns, but nobody waits for it.
func (c *Cache) settleLate(rd *Reading, timeout time.Duration) *time.Timer {
	return time.AfterFunc(policy.Add(timeout, overtime), func() {
		for _, f := range rd.flights {
			select {
			case <-f.done:
				continue
			default:
			}
			c.settle(rd, rd.all(c.timedOut()))
			if rd.onLate != nil {
				rd.onLate()
			}
			return
		}
	})
}

// tryAgain returns which outcomes are worth another try, and how long to wait
// before it.
func (rd *Reading) tryAgain(outcomes []Outcome, try int) (wait time.Duration, again []int) {
	if !rd.searched {
		return 0, nil
	}
	var after time.Duration
	for i := range outcomes {
		if o := &outcomes[i]; rd.flights[i].cold && o.Kind.Transient() {
			again = append(again, i)
			after = max(after, o.RetryAfter)
		}
	}
	return policy.Cold(try, after), again
}

// settleSome settles the flights whose outcome is final or that nobody wants tried
// again. For the others it remembers the outcome of this try; it returns these, to
// be read again.
func (c *Cache) settleSome(rd *Reading, outcomes []Outcome, again []int, unwanted chan<- struct{}) *Reading {
	var left, final []*Flight
	var finals []Outcome
	tx := c.Lock()
	tx.reportCall(rd)
	for i, f := range rd.flights {
		if len(again) > 0 && again[0] == i {
			again = again[1:]
			if f.last = outcomes[i]; f.wanted > 0 {
				f.unwanted = unwanted
				left = append(left, f)
				continue
			}
		}
		final, finals = append(final, f), append(finals, outcomes[i])
	}
	tx.Unlock()
	c.settle(rd.with(final), finals)
	return rd.with(left)
}

// backOff waits before another try, and then for a slot for it. A flight that
// nobody waits for any more is settled meanwhile with the outcome of its last try.
// backOff returns the flights to try; nil: there are none.
func (c *Cache) backOff(ctx context.Context, rd *Reading, wait time.Duration, slots chan struct{}, unwanted <-chan struct{}) *Reading {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var slot chan<- struct{} // nil: not yet
	for len(rd.flights) > 0 {
		select {
		case <-timer.C:
			slot = slots
		case slot <- struct{}{}:
			tx := c.Lock()
			for _, f := range rd.flights {
				f.unwanted = nil
			}
			tx.Unlock()
			return rd
		case <-unwanted:
			rd = c.settleUnwanted(rd)
		case <-ctx.Done():
			c.settle(rd, rd.all(c.timedOut())) // settle prefers the error of an earlier try
			return nil
		}
	}
	return nil
}

// settleUnwanted settles the flights that nobody waits for any more, and returns
// the others.
func (c *Cache) settleUnwanted(rd *Reading) *Reading {
	var left, final []*Flight
	var finals []Outcome
	tx := c.Lock()
	for _, f := range rd.flights {
		if f.wanted > 0 {
			left = append(left, f)
		} else {
			final, finals = append(final, f), append(finals, f.last)
		}
	}
	tx.Unlock()
	c.settle(rd.with(final), finals)
	return rd.with(left)
}

// launch reads documents in the background. Somebody waits for them.
func (c *Cache) launch(rd *Reading) {
	c.GoRead(func() { c.refreshOrRead(rd) })
}

// outOfTime reports whether an outcome is that time ran out.
func outOfTime(o *Outcome) bool { return errors.Is(o.Err, context.DeadlineExceeded) }
