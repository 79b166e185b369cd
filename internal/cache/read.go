package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A Flight is a read of a document that is under way. Everybody who wants the
// document waits for the one that is.
type Flight struct {
	doc   *Doc
	done  chan struct{} // closed once the document has what came of it
	start int64
	cold  bool // the document was never held: what may be over soon is tried again

	// Guarded by Cache.mu.
	hold     int64           // until when users wait for it rather than be served what is held; 0: they do not
	last     Outcome         // what the backend said so far
	waiter   *Waiter         // the last that began to wait for it
	wanted   int             // waiters that have it tried again
	deserted chan<- struct{} // gets a token when wanted becomes 0 between two tries; nil: it is being tried

	abandoned bool // it never started; set before done is closed
}

// A Reading is documents of one backend that are read together.
type Reading struct {
	backend  *Backend
	flights  []*Flight
	refresh  bool          // nobody waits
	searched bool          // a Waiter waits: what was never held is tried until the timeout
	spread   float64       // of the TTL, drawn once
	along    []*Doc        // refreshed documents, whose Owner had others read along
	overdue  func()        // called, if not nil, once the flights are settled without a Source that does not return
	opening  time.Duration // of the timeout, spent on opening the Source

	call *Call // the last, until that is told; guarded by Cache.mu
}

// overtime is for a Source that does not look at its context.
const overtime = 250 * time.Millisecond

// claim makes the caller the reader of d, unless d is being read.
func (tx Tx) claim(d *Doc) (f *Flight, mine bool) {
	if d.flight != nil {
		return d.flight, false
	}
	d.flight = &Flight{doc: d, done: make(chan struct{}), start: tx.Now(), cold: d.version == nil}
	d.space.backend.due.remove(d)
	return d.flight, true
}

// with returns the reading of other flights.
func (rd *Reading) with(flights []*Flight) *Reading {
	return &Reading{
		backend: rd.backend, flights: flights, refresh: rd.refresh, searched: rd.searched,
		spread: rd.spread, along: rd.along, overdue: rd.overdue, opening: rd.opening,
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
// every flight. gone, if not nil, is closed when those who wait have left:
// what waits for its turn then is abandoned, what is being read goes on.
func (c *Cache) read(rd *Reading, gone <-chan struct{}) {
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
	if len(rd.flights) <= size {
		c.readPart(rd, slots, gone)
		return
	}
	var parts sync.WaitGroup
	// One more than there are slots: it waits for a slot, and so hears that
	// those who wait have left.
	room := make(chan struct{}, cap(slots)+1)
	for start := 0; start < len(rd.flights); start += size {
		part := rd.with(rd.flights[start:min(start+size, len(rd.flights))])
		room <- struct{}{}
		parts.Go(func() {
			defer func() { <-room }()
			c.readPart(part, slots, gone)
		})
	}
	parts.Wait()
}

// readPart reads what fits one call, once there is a slot for it.
func (c *Cache) readPart(rd *Reading, slots chan struct{}, gone <-chan struct{}) {
	if failure := c.admit(slots, gone); failure != nil {
		c.settle(rd, rd.all(*failure))
		return
	}
	c.readAdmitted(rd, slots)
}

// batchSize opens the Source and returns how many documents it is given at
// once. What cannot be opened fails together, and so is read together. If it
// does not open in time everything is settled: opened is false.
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

// admit waits for a slot. It returns why there is none.
func (c *Cache) admit(slots chan struct{}, gone <-chan struct{}) *Outcome {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case slots <- struct{}{}:
		return nil
	case <-gone:
		return &Outcome{Err: c.Errors.Abandoned, Kind: abandoned}
	case <-c.ctx.Done():
		return &Outcome{Err: c.Errors.Closed, Kind: abandoned}
	}
}

// readAdmitted reads what fits one call and settles it, within the timeout. It
// has a slot, and gives it back while it waits to try again.
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
		deserted := make(chan struct{}, 1)
		left = c.settleSome(left, outcomes, again, deserted)
		if left = c.backOff(ctx, left, wait, slots, deserted); left == nil {
			return
		}
	}
}

// call calls the Source, and gives the slot back. The Source may end this
// goroutine by runtime.Goexit; then that is what came of the reading, and a
// Waiter that was served on this goroutine goes on on another one.
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
		if rd.overdue != nil {
			rd.overdue()
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

// noteCall has a call told once what it said is settled.
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

// settleLate settles what a Source that does not look at its context has not
// given back when time is up, unless it is stopped. Such a Source keeps its slot
// until it returns, but nobody waits for it.
func (c *Cache) settleLate(rd *Reading, timeout time.Duration) *time.Timer {
	return time.AfterFunc(policy.Add(timeout, overtime), func() {
		for _, f := range rd.flights {
			select {
			case <-f.done:
				continue
			default:
			}
			c.settle(rd, rd.all(c.timedOut()))
			if rd.overdue != nil {
				rd.overdue()
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
		if o := &outcomes[i]; rd.flights[i].cold && o.Kind.Passes() {
			again = append(again, i)
			after = max(after, o.RetryAfter)
		}
	}
	return policy.Cold(try, after), again
}

// settleSome settles the outcomes that are final, those that nobody waits for
// any more included, remembers what the others said so far, and returns what is
// to be read again.
func (c *Cache) settleSome(rd *Reading, outcomes []Outcome, again []int, deserted chan<- struct{}) *Reading {
	var left, final []*Flight
	var finals []Outcome
	tx := c.Lock()
	tx.tellCall(rd)
	for i, f := range rd.flights {
		if len(again) > 0 && again[0] == i {
			again = again[1:]
			if f.last = outcomes[i]; f.wanted > 0 {
				f.deserted = deserted
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

// backOff waits before another try, and then for a slot for it. What everybody
// leaves meanwhile is settled with what its last try said. It returns what is
// to be tried, or nil: nothing.
func (c *Cache) backOff(ctx context.Context, rd *Reading, wait time.Duration, slots chan struct{}, deserted <-chan struct{}) *Reading {
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
				f.deserted = nil
			}
			tx.Unlock()
			return rd
		case <-deserted:
			rd = c.settleDeserted(rd)
		case <-ctx.Done():
			c.settle(rd, rd.all(c.timedOut())) // what they said before goes before that
			return nil
		}
	}
	return nil
}

// settleDeserted settles what nobody waits for any more, and returns the rest.
func (c *Cache) settleDeserted(rd *Reading) *Reading {
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
