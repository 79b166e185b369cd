package secrets

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A flight is a read of a document that is under way. Everybody who wants the
// document waits for the one that is.
type flight struct {
	_ notComparable

	doc   *document
	done  chan struct{} // closed once the document says what came of it
	start int64
	hold  int64 // until when Get waits for it rather than serve what is held; 0: it does not

	// Guarded by Resolver.mu.
	last   error   // what the backend said so far
	waiter *search // the last that began to wait for it

	abandoned bool // it never started; set before done is closed
}

const (
	coldTries   = 3
	retryBase   = 100 * time.Millisecond // between the tries of a cold read, doubling, full jitter
	overtime    = 250 * time.Millisecond // for a provider that does not look at its context
	maxReminder = time.Minute            // the longest that a Retry-After keeps a cold read from being tried
)

// errAbandoned settles a flight that never started, those who wanted it having
// gone. It is remembered nowhere.
var errAbandoned = errors.New("abandoned")

// claim makes the caller the reader of d, unless d is being read. It is called
// with the lock held.
func (r *Resolver) claim(d *document) (f *flight, mine bool) {
	if d.flight != nil {
		return d.flight, false
	}
	d.flight = &flight{doc: d, done: make(chan struct{}), start: r.now()}
	d.folder.provider.due.remove(d)
	return d.flight, true
}

// A reading is documents of one provider that are read together.
type reading struct {
	provider *provider
	flights  []*flight
	refresh  bool     // nobody waits: one try
	tries    int      // of a read that somebody waits for
	spread   float64  // of the TTL, drawn once
	movers   []string // names that may have got a document of their own, read along
	overdue  func()   // called, if not nil, once a deaf provider's flights are settled without it
}

// read reads everything in rd, in batches where the provider can, and settles
// every flight. gone, if not nil, is closed when those who wait have left:
// what waits for its turn then is abandoned, what is being read goes on.
func (r *Resolver) read(rd *reading, gone <-chan struct{}) {
	rd.spread = spread()
	size := 1
	if len(rd.flights) > 1 {
		ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
		defer cancel()
		batches := make(chan bool, 1)
		r.spawn(func() { // an opener may be deaf to its context, too
			opened, err := r.open(ctx, rd.provider)
			batches <- err == nil && r.batcher(rd.provider, opened) != nil
		})
		select {
		case yes := <-batches:
			if yes {
				size = maxBatch
			}
		case <-ctx.Done():
			r.settleAll(rd, failed(len(rd.flights), freeze(ctx.Err())))
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
			part = new(reading)
			*part = *rd
			part.flights = rd.flights[i*size : min((i+1)*size, len(rd.flights))]
		}
		if err := r.admit(slots, gone); err != nil {
			r.settleAll(part, failed(len(part.flights), err))
			return
		}
		defer func() { <-slots }()
		r.readChunk(part)
	})
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

// readChunk reads what fits one call and settles it, within the timeout.
func (r *Resolver) readChunk(rd *reading) {
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	defer r.settleLate(rd).Stop()

	left := rd
	for try := 1; ; try++ {
		results := r.fetch(ctx, left)
		if rd.refresh || try >= rd.tries {
			r.settleAll(left, results)
			return
		}
		wait, again := retryAfter(results, try)
		if deadline, ok := ctx.Deadline(); len(again) == 0 || ok && time.Until(deadline) <= wait || ctx.Err() != nil {
			r.settleAll(left, results)
			return
		}
		left = r.settleSome(left, results, again)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// settleLate settles what a provider that is deaf to its context has not given
// back when time is up, unless it is stopped. Such a provider keeps its slot
// until it returns, but nobody waits for it.
func (r *Resolver) settleLate(rd *reading) *time.Timer {
	return time.AfterFunc(time.Duration(satAdd(int64(r.timeout), int64(overtime))), func() {
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

// retryAfter tells which results are worth another try, and how long to wait
// before it.
func retryAfter(results []Result, try int) (wait time.Duration, again []int) {
	wait = time.Duration(rand.Int64N(int64(retryBase << (try - 1))))
	for i := range results {
		err := results[i].Err
		if isFault(err) || !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrThrottled) {
			continue
		}
		again = append(again, i)
		wait = max(wait, retryAfterOf(err))
	}
	return wait, again
}

// retryAfterOf returns the backend's own word on when to ask again; 0: none.
func retryAfterOf(err error) time.Duration {
	var after interface{ RetryAfter() time.Duration }
	if errors.As(err, &after) {
		return after.RetryAfter()
	}
	return 0
}

// settleSome settles the results that are final, remembers what the others
// said so far, and returns what is to be read again.
func (r *Resolver) settleSome(rd *reading, results []Result, again []int) *reading {
	left, final := *rd, *rd
	left.flights = make([]*flight, 0, len(again))
	for i, f := range rd.flights {
		if len(again) == 0 || again[0] != i {
			final.flights = rd.flights[i : i+1]
			r.settleAll(&final, results[i:i+1])
			continue
		}
		again = again[1:]
		r.lock()
		f.last = results[i].Err
		r.unlock()
		left.flights = append(left.flights, f)
	}
	return &left
}

// settleAll tells the documents what came of their flights.
func (r *Resolver) settleAll(rd *reading, results []Result) {
	r.lock()
	defer r.unlock()
	now := max(r.now(), r.lastRead+1) // so that every search knows which reads came after it
	r.lastRead = now
	r.judge(rd, results, now)
	for i, f := range rd.flights {
		d, res := f.doc, &results[i]
		if d.flight != f { // settled before, being late
			r.retire(d.folder.provider, &res.Value)
			continue
		}
		d.flight = nil
		if f.last != nil && errors.Is(res.Err, context.DeadlineExceeded) {
			res.Err = f.last // what the backend said goes before that time ran out
		}
		f.abandoned = errors.Is(res.Err, errAbandoned)
		r.settle(d, res, now, rd.spread)
		close(f.done)
	}
}

// launch reads a document in the background; it was claimed with the lock held
// by the caller. Somebody waits for it.
func (r *Resolver) launch(f *flight) {
	r.spawn(func() {
		r.read(&reading{provider: f.doc.folder.provider, flights: []*flight{f}, tries: 1}, nil)
	})
}
