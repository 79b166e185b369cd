package secrets

import (
	"context"
	"errors"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A flight is a read of a document that is under way. Everybody who wants the
// document waits for the one that is.
type flight struct {
	doc   *document
	done  chan struct{} // closed once the document says what came of it
	start int64
	cold  bool // the document was never held: what can be mended by waiting is tried again

	// Guarded by Resolver.mu.
	hold     int64           // until when Get waits for it rather than serve what is held; 0: it does not
	last     error           // what the backend said so far
	waiter   *search         // the last that began to wait for it
	wanted   int             // searches that wait for it, for somebody who has it tried again
	fielded  bool            // a search waits for a field of it
	deserted chan<- struct{} // gets a token when wanted becomes 0 between two tries; nil: it is being tried

	abandoned bool // it never started; set before done is closed
}

// overtime is for a provider that does not look at its context.
const overtime = 250 * time.Millisecond

// errAbandoned settles a flight that never started, those who wanted it having
// gone. It is remembered nowhere.
var errAbandoned = errors.New("abandoned")

// claim makes the caller the reader of d, unless d is being read. It is called
// with the lock held.
func (r *Resolver) claim(d *document) (f *flight, mine bool) {
	if d.flight != nil {
		return d.flight, false
	}
	d.flight = &flight{doc: d, done: make(chan struct{}), start: r.now(), cold: d.value == nil}
	d.folder.provider.due.remove(d)
	return d.flight, true
}

// A reading is documents of one provider that are read together.
type reading struct {
	provider *provider
	flights  []*flight
	refresh  bool          // nobody waits
	searched bool          // a search waits: what was never held is tried until the timeout
	spread   float64       // of the TTL, drawn once
	movers   []string      // names that may have got a document of their own, read along
	overdue  func()        // called, if not nil, once a deaf provider's flights are settled without it
	opening  time.Duration // of the timeout, spent on opening the provider

	event *Event // of its last call, until that is told; guarded by Resolver.mu
}

// with returns the reading of other flights.
func (rd *reading) with(flights []*flight) *reading {
	return &reading{
		provider: rd.provider, flights: flights, refresh: rd.refresh, searched: rd.searched,
		spread: rd.spread, movers: rd.movers, overdue: rd.overdue, opening: rd.opening,
	}
}

// read reads everything in rd, in batches where the provider can, and settles
// every flight. gone, if not nil, is closed when those who wait have left:
// what waits for its turn then is abandoned, what is being read goes on.
func (r *Resolver) read(rd *reading, gone <-chan struct{}) {
	rd.spread = policy.Spread()
	size := 1
	if len(rd.flights) > 1 {
		var opened bool
		if size, opened = r.batchSize(rd); !opened {
			return
		}
	}
	slots := rd.provider.cold
	if rd.refresh {
		slots = rd.provider.refresh
	}
	chunks := (len(rd.flights) + size - 1) / size
	// One more than there are slots: it waits for a slot, and so hears that
	// those who wait have left.
	parallel(chunks, cap(slots)+1, func(i int) {
		part := rd
		if chunks > 1 {
			part = rd.with(rd.flights[i*size : min((i+1)*size, len(rd.flights))])
		}
		if err := r.admit(slots, gone); err != nil {
			r.settleAll(part, failed(len(part.flights), err))
			return
		}
		r.readChunk(part, slots)
	})
}

// batchSize opens the provider and returns how many documents it is given at
// once. What cannot be opened fails together, and so is read together. If the
// opener is deaf to its context everything is settled: opened is false.
func (r *Resolver) batchSize(rd *reading) (size int, opened bool) {
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	start := r.now()
	batches := make(chan bool, 1)
	r.spawn(func() {
		p, err := r.open(ctx, rd.provider)
		batches <- err != nil || r.batcher(rd.provider, p) != nil
	})
	select {
	case yes := <-batches:
		rd.opening = time.Duration(r.now() - start)
		if yes {
			return maxBatch, true
		}
		return 1, true
	case <-ctx.Done():
		r.settleAll(rd, failed(len(rd.flights), freeze(ctx.Err())))
		return 0, false
	}
}

// admit waits for a slot.
func (r *Resolver) admit(slots chan struct{}, gone <-chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case slots <- struct{}{}:
		return nil
	case <-gone:
		return errAbandoned
	case <-r.ctx.Done():
		return ErrClosed
	}
}

// readChunk reads what fits one call and settles it, within the timeout. It
// has a slot, and gives it back while it waits to try again.
func (r *Resolver) readChunk(rd *reading, slots chan struct{}) {
	timeout := r.timeout - rd.opening
	ctx, cancel := context.WithTimeout(r.ctx, timeout)
	defer cancel()
	defer r.settleLate(rd, timeout).Stop()

	left := rd
	for try := 1; ; try++ {
		results := r.fetchIn(ctx, left, slots)
		wait, again := r.tryAgain(left, results, try)
		if deadline, ok := ctx.Deadline(); len(again) == 0 || ok && time.Until(deadline) <= wait || ctx.Err() != nil {
			r.settleAll(left, results)
			return
		}
		deserted := make(chan struct{}, 1)
		left = r.settleSome(left, results, again, deserted)
		if left = r.pause(ctx, left, wait, slots, deserted); left == nil {
			return
		}
	}
}

// fetchIn is fetch for a reading that has a slot, which it gives back. A provider
// may end this goroutine by runtime.Goexit; then that is what came of the
// reading, and a search that was made on this goroutine goes on on another one.
func (r *Resolver) fetchIn(ctx context.Context, rd *reading, slots chan struct{}) []Result {
	start := r.clock.mono()
	returned := false
	defer func() {
		<-slots
		if returned {
			return
		}
		results := failed(len(rd.flights), errExited)
		r.noteRead(rd, results, r.clock.mono()-start)
		r.settleAll(rd, results)
		if rd.overdue != nil {
			rd.overdue()
		}
	}()
	results := r.fetch(ctx, rd)
	returned = true
	return results
}

// settleLate settles what a provider that is deaf to its context has not given
// back when time is up, unless it is stopped. Such a provider keeps its slot
// until it returns, but nobody waits for it.
func (r *Resolver) settleLate(rd *reading, timeout time.Duration) *time.Timer {
	return time.AfterFunc(policy.Add(timeout, overtime), func() {
		for _, f := range rd.flights {
			select {
			case <-f.done:
				continue
			default:
			}
			r.settleAll(rd, failed(len(rd.flights), freeze(context.DeadlineExceeded)))
			if rd.overdue != nil {
				rd.overdue()
			}
			return
		}
	})
}

// tryAgain tells which results are worth another try, and how long to wait
// before it.
func (r *Resolver) tryAgain(rd *reading, results []Result, try int) (wait time.Duration, again []int) {
	if !rd.searched {
		return 0, nil
	}
	var after time.Duration
	for i := range results {
		if err := results[i].Err; rd.flights[i].cold && passes(err) {
			again = append(again, i)
			after = max(after, retryAfterOf(err))
		}
	}
	return policy.Cold(try, after), again
}

// passes reports whether a failure may be over soon.
func passes(err error) bool {
	return (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)) && !isFault(err)
}

// retryAfterOf returns the backend's own word on when to ask again; 0: none.
func retryAfterOf(err error) time.Duration {
	var after interface{ RetryAfter() time.Duration }
	if errors.As(err, &after) {
		return after.RetryAfter()
	}
	return 0
}

// settleSome settles the results that are final, those that nobody waits for
// any more included, remembers what the others said so far, and returns what is
// to be read again.
func (r *Resolver) settleSome(rd *reading, results []Result, again []int, deserted chan<- struct{}) *reading {
	var left, final []*flight
	var finals []Result
	r.lock()
	r.tellRead(rd)
	for i, f := range rd.flights {
		if len(again) > 0 && again[0] == i {
			again = again[1:]
			if f.last = results[i].Err; f.wanted > 0 {
				f.deserted = deserted
				left = append(left, f)
				continue
			}
		}
		final, finals = append(final, f), append(finals, results[i])
	}
	r.unlock()
	r.settleAll(rd.with(final), finals)
	return rd.with(left)
}

// pause waits before another try, and then for a slot for it. What everybody
// leaves meanwhile is settled with what its last try said. It returns what is
// to be tried, or nil: nothing.
func (r *Resolver) pause(ctx context.Context, rd *reading, wait time.Duration, slots chan struct{}, deserted <-chan struct{}) *reading {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var slot chan<- struct{} // nil: not yet
	for len(rd.flights) > 0 {
		select {
		case <-timer.C:
			slot = slots
		case slot <- struct{}{}:
			r.lock()
			for _, f := range rd.flights {
				f.deserted = nil
			}
			r.unlock()
			return rd
		case <-deserted:
			rd = r.settleDeserted(rd)
		case <-ctx.Done():
			r.settleAll(rd, failed(len(rd.flights), freeze(ctx.Err()))) // what they said before goes before that
			return nil
		}
	}
	return nil
}

// settleDeserted settles what nobody waits for any more, and returns the rest.
func (r *Resolver) settleDeserted(rd *reading) *reading {
	var left, final []*flight
	var finals []Result
	r.lock()
	for _, f := range rd.flights {
		if f.wanted > 0 {
			left = append(left, f)
		} else {
			final, finals = append(final, f), append(finals, Result{Err: f.last})
		}
	}
	r.unlock()
	r.settleAll(rd.with(final), finals)
	return rd.with(left)
}

// settleAll tells the documents what came of their flights.
func (r *Resolver) settleAll(rd *reading, results []Result) {
	if len(rd.flights) == 0 {
		return
	}
	made := r.arrivals(rd, results)
	r.lock()
	defer r.unlock()
	r.tellRead(rd)
	now := max(r.now(), r.lastRead+1) // so that every search knows which reads came after it
	r.lastRead = now
	for i, f := range rd.flights {
		if f.last != nil && errors.Is(results[i].Err, context.DeadlineExceeded) {
			results[i].Err = f.last // what the backend said goes before that time ran out
		}
	}
	r.judge(rd, results, now)
	memory := remember(rd, results)
	for i, f := range rd.flights {
		d, res := f.doc, &results[i]
		if d.flight != f { // settled before, being late
			r.retire(d.folder.provider, &res.Value)
			continue
		}
		d.flight = nil
		f.abandoned = errors.Is(res.Err, errAbandoned)
		r.settle(d, res, &made[i], now, rd.spread, memory)
		close(f.done)
	}
}

// remember draws for how long the failures of one call are remembered: once
// for all of them, at the greatest count, so that what was read together is
// read together again.
func remember(rd *reading, results []Result) time.Duration {
	failures, after := 0, time.Duration(0)
	for i, f := range rd.flights {
		if err := results[i].Err; err != nil && !errors.Is(err, ErrNotFound) {
			failures = max(failures, f.doc.failures())
			after = max(after, retryAfterOf(err))
		}
	}
	return policy.Memory(failures+1, after)
}

// launch reads a document in the background; it was claimed with the lock held
// by the caller. Somebody waits for it.
func (r *Resolver) launch(f *flight) {
	r.spawnReader(func() {
		r.read(&reading{provider: f.doc.folder.provider, flights: []*flight{f}}, nil)
	})
}
