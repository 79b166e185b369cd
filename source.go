package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/asked"
)

const (
	maxColdReads = 32  // reads that somebody waits for, in flight for a provider
	maxRefreshes = 8   // reads that nobody waits for, likewise; a full batch, which is several calls, is all of them
	maxBatch     = 100 // references in one FetchBatch

	noBatchFor = int64(10 * time.Minute) // after a batch was refused as a whole
)

// A provider is a Provider with what the resolver knows of it: how to open it,
// what is in flight, and how it has been doing.
type provider struct {
	scheme  string
	options map[string]string
	opener  Opener // nil: p was given by the user, who also closes it
	folders []*folder

	maxStale int64 // the resolver's, for its documents to find

	opening chan struct{} // holds a token while nobody opens
	cold    chan struct{} // holds a token for each cold read in flight
	refresh chan struct{} // holds a token for each refresh in flight

	// Guarded by Resolver.mu.
	opened     func() Provider // nil: not yet. A func, so that no printer sees its tokens
	due        *docHeap        // the documents that are to be refreshed
	failures   int             // in a row, of the classes that speak of the provider
	told       int             // failures, when the log was last told
	retryAt    int64           // no refresh before, after failures
	calls      int             // refreshes that were started and have not ended, as calls of the backend
	probing    bool            // after failures: one refresh is under way, and the others wait for what it says
	batchAfter int64           // no batch before
}

func newProvider(scheme string, options map[string]string, maxStale time.Duration) *provider {
	p := &provider{
		scheme:  scheme,
		options: options,

		maxStale: int64(maxStale),

		opening: make(chan struct{}, 1),
		cold:    make(chan struct{}, maxColdReads),
		refresh: make(chan struct{}, maxRefreshes),
		due:     newDueHeap(),
	}
	p.opening <- struct{}{}
	return p
}

// given returns the Provider, or nil if it is not opened yet. It is called with
// the lock held.
func (p *provider) given() Provider {
	if p.opened == nil {
		return nil
	}
	return p.opened()
}

// open returns the Provider, opened when first needed. A failed opening is
// tried again by the next read.
func (r *Resolver) open(ctx context.Context, p *provider) (Provider, error) {
	r.lock()
	opened := p.given()
	r.unlock()
	if opened != nil {
		return opened, nil
	}
	select {
	case <-p.opening:
		defer func() { p.opening <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.lock()
	opened = p.given()
	r.unlock()
	if opened != nil {
		return opened, nil
	}
	var err error
	err = guard(func() (err error) {
		opened, err = p.opener(ctx, Ref{Scheme: p.scheme, Options: p.options})
		return err
	})
	if err == nil && opened == nil {
		err = errors.New("the backend's opener returned neither a provider nor an error")
	}
	if err != nil {
		return nil, freeze(err)
	}
	r.lock()
	defer r.mu.Unlock()
	if r.closed {
		go closeProvider(opened) // too late for Close to see it
		return nil, ErrClosed
	}
	p.opened = func() Provider { return opened }
	return opened, nil
}

func closeProvider(p Provider) error {
	if c, ok := p.(io.Closer); ok {
		return guard(c.Close)
	}
	return nil
}

// fetch reads what is in rd, as one batch if the provider can and one by one if not.
// The results are aligned with refs, and every error has a class.
func (r *Resolver) fetch(ctx context.Context, rd *reading) []Result {
	p := rd.provider
	opened, err := r.open(ctx, p)
	if err != nil {
		return failed(len(rd.flights), freeze(err))
	}
	refs := make([]Ref, len(rd.flights))
	byProgram := true
	r.lock()
	for i, f := range rd.flights {
		refs[i] = f.doc.ref()
		byProgram = byProgram && f.doc.program
	}
	r.unlock()
	if byProgram {
		ctx = asked.ByProgram(ctx)
	}
	start := r.clock.mono()
	results := r.fetchRefs(ctx, p, opened, refs)
	r.noteRead(rd, results, r.clock.mono()-start)
	return results
}

func (r *Resolver) fetchRefs(ctx context.Context, p *provider, opened Provider, refs []Ref) []Result {
	var b BatchProvider
	if len(refs) > 1 {
		b = r.batcher(p, opened)
	}
	results, singly := fetchAll(ctx, recovered, opened, b, refs) // fetchIn sees to Goexit
	if b != nil && singly == len(refs) {
		r.lock()
		p.batchAfter = r.now() + noBatchFor
		r.unlock()
	}
	return results
}

// fetchAll reads refs by a batch of b, and one by one, which it counts, what
// that does not take. b is p, or nil: no batch. Each call is made by guard.
func fetchAll(ctx context.Context, guard func(func() error) error, p Provider, b BatchProvider, refs []Ref) (results []Result, singly int) {
	var single []int // without a batch all are
	if b == nil {
		results, singly = make([]Result, len(refs)), len(refs)
	} else {
		results = fetchBatch(ctx, guard, b, refs)
		for i := range results {
			if errors.Is(results[i].Err, errors.ErrUnsupported) {
				single = append(single, i)
			}
		}
		singly = len(single)
	}
	parallel(singly, maxRefreshes, func(i int) {
		if b != nil {
			i = single[i]
		}
		if singly > 1 {
			results[i].Err = errExited // unless it returns: this goroutine is one of parallel's
		}
		results[i] = fetchOne(ctx, guard, p, refs[i])
	})
	return results, singly
}

// batcher returns opened as a BatchProvider, or nil if it is none or has said
// so lately.
func (r *Resolver) batcher(p *provider, opened Provider) BatchProvider {
	b, ok := opened.(BatchProvider)
	if !ok {
		return nil
	}
	r.lock()
	refused := p.batchAfter > r.now()
	r.unlock()
	if refused {
		return nil
	}
	return b
}

func fetchOne(ctx context.Context, guard func(func() error) error, p Provider, ref Ref) (res Result) {
	res.Err = guard(func() (err error) {
		res.Value, err = p.Fetch(ctx, ref)
		return err
	})
	return res
}

func fetchBatch(ctx context.Context, guard func(func() error) error, p BatchProvider, refs []Ref) (results []Result) {
	err := guard(func() error {
		answers := p.FetchBatch(ctx, refs)
		if len(answers) != len(refs) {
			return fmt.Errorf("the provider answered %d of a batch of %d", len(answers), len(refs))
		}
		results = slices.Clone(answers)
		for i := range results {
			results[i].Err = freeze(results[i].Err)
		}
		return nil
	})
	if err != nil {
		return failed(len(refs), err)
	}
	return results
}

// failed returns n results of the same failure.
func failed(n int, err error) []Result {
	results := make([]Result, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// parallel calls f(0) … f(n-1), at most limit at a time.
func parallel(n, limit int, f func(int)) {
	if n == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, limit)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

// noteRead has it told that a call of the backend ended, once what it said is
// settled.
func (r *Resolver) noteRead(rd *reading, results []Result, took time.Duration) {
	if r.observer == nil {
		return
	}
	e := readEvent(rd, results, took)
	r.lock()
	rd.event = e
	r.unlock()
}

// tellRead tells of it. It is called with the lock held.
func (r *Resolver) tellRead(rd *reading) {
	if rd.event != nil {
		r.tell(rd.event)
		rd.event = nil
	}
}

func readEvent(rd *reading, results []Result, took time.Duration) *Event {
	e := &Event{Kind: EventRead, Provider: rd.provider.scheme, Documents: len(rd.flights), Refresh: rd.refresh, Duration: took}
	if len(rd.flights) == 1 {
		e.Document = rd.flights[0].doc.place()
	}
	for i := range results {
		if err := results[i].Err; err != nil && (e.Err == nil || errors.Is(e.Err, ErrNotFound)) {
			e.Err, e.Class = err, classOf(err)
		}
	}
	return e
}
