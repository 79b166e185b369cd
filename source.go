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
	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/parallel"
)

const (
	maxBatch   = 100 // references in one FetchBatch
	maxAtOnce  = 8   // calls of a provider that read one batch singly
	noBatchFor = 10 * time.Minute
)

// A provider is a Provider as a source of the cache. It opens the Provider when that
// is first needed, catches panics of its methods, and completes their results.
type provider struct {
	scheme  string
	options map[string]string
	opener  Opener // nil: the user gave the Provider, and closes it
	folders []*folder
	backend *cache.Backend

	closed   <-chan struct{}      // when the resolver is
	now      func() time.Duration // monotonic
	observed bool                 // calls are reported

	opening chan struct{} // holds a token, except while the Provider is being opened

	mu         sync.Mutex
	opened     func() Provider // nil: not yet. A func, so that no printer sees its tokens
	batchAfter time.Duration   // no batch before, since the last one was refused as a whole
}

func (n *names) newProvider(tx cache.Tx, scheme string, options map[string]string, opener Opener) *provider {
	p := &provider{
		scheme: scheme, options: options, opener: opener,
		closed: n.cache.Context().Done(), observed: n.observer != nil,
		now:     func() time.Duration { return time.Duration(n.cache.Now()) },
		opening: make(chan struct{}, 1),
	}
	p.opening <- struct{}{}
	p.backend = tx.Add(p)
	n.providers = append(n.providers, p)
	return p
}

// given returns the Provider; nil: it is not opened yet.
func (p *provider) given() Provider {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened == nil {
		return nil
	}
	return p.opened()
}

// open returns the Provider, and opens it if that was not done yet. If it cannot be
// opened, the next read tries again.
func (p *provider) open(ctx context.Context) (Provider, error) {
	if opened := p.given(); opened != nil {
		return opened, nil
	}
	select {
	case <-p.opening:
		defer func() { p.opening <- struct{}{} }()
	case <-ctx.Done():
		return nil, freeze(ctx.Err())
	}
	if opened := p.given(); opened != nil {
		return opened, nil
	}
	var opened Provider
	err := guard(func() (err error) {
		opened, err = p.opener(ctx, Ref{Scheme: p.scheme, Options: p.options})
		return err
	})
	if err == nil && opened == nil {
		err = errors.New("the backend's opener returned neither a provider nor an error")
	}
	if err != nil {
		return nil, freeze(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		go func() { _ = closeProvider(opened) }() // Close has not seen it
		return nil, freeze(ErrClosed)
	default:
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

// Open opens the provider and returns how many documents one Read takes.
func (p *provider) Open(ctx context.Context) (batch int, err error) {
	if _, err := p.open(ctx); err != nil {
		return 0, err
	}
	return p.Batch(), nil
}

// Batch returns how many documents one Read takes; 1: the provider is not opened, or
// has no batches, or has refused one in the last 10 minutes.
func (p *provider) Batch() int {
	if p.batcher() != nil {
		return maxBatch
	}
	return 1
}

// batcher returns the Provider as a BatchProvider; nil: see Batch.
func (p *provider) batcher() BatchProvider {
	b, ok := p.given().(BatchProvider)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.batchAfter > p.now() {
		return nil
	}
	return b
}

// Read reads places, as one batch if the provider can and one by one if not.
func (p *provider) Read(ctx context.Context, at []cache.Place) cache.Answer {
	opened, err := p.open(ctx)
	if err != nil {
		return cache.Answer{Outcomes: outcomes(failed(len(at), err))}
	}
	refs := make([]Ref, len(at))
	byProgram := true
	for i, place := range at {
		refs[i] = refOf(place)
		byProgram = byProgram && place.Program
	}
	if byProgram {
		ctx = asked.ByProgram(ctx)
	}
	var b BatchProvider
	if len(refs) > 1 {
		b = p.batcher()
	}
	start := p.now()
	results, singly := fetchAll(ctx, recovered, opened, b, refs) // the cache handles Goexit
	if b != nil && singly == len(refs) {
		p.mu.Lock()
		p.batchAfter = p.now() + noBatchFor
		p.mu.Unlock()
	}
	return cache.Answer{Outcomes: outcomes(results), Called: p.observed, Took: p.now() - start}
}

// refOf returns the reference of a place, for the provider.
func refOf(at cache.Place) Ref { return at.Space.Owner.(*folder).ref(at.Path) }

// outcomes returns results as the cache takes them.
func outcomes(results []Result) []cache.Outcome {
	made := make([]cache.Outcome, len(results))
	for i := range results {
		if err := results[i].Err; err != nil {
			made[i] = failure(err)
		} else {
			made[i].Version = versionOf(&results[i].Value)
		}
	}
	return made
}

// failure returns the outcome of a read that failed.
func failure(err error) cache.Outcome {
	return cache.Outcome{Err: err, Kind: kindOf(err), RetryAfter: retryAfterOf(err)}
}

// kindOf returns the kind of a failure, by its class.
func kindOf(err error) cache.Kind {
	switch classOf(err) {
	case ErrNotFound:
		return cache.Missing
	case ErrInvalid:
		return cache.Invalid
	case ErrPermission, ErrClosed:
		return cache.Refused
	case ErrUnauthenticated:
		return cache.Credentials
	}
	if isFault(err) {
		return cache.Fault
	}
	return cache.Unavailable
}

// transient reports whether a failure may be over soon.
func transient(err error) bool {
	return (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)) && !isFault(err)
}

// retryAfterOf returns the backend's Retry-After; 0: none.
func retryAfterOf(err error) time.Duration {
	var after interface{ RetryAfter() time.Duration }
	if errors.As(err, &after) {
		return after.RetryAfter()
	}
	return 0
}

// fetchAll reads refs in a batch by b, and then, by p, one by one those that the
// batch did not take; singly is their number. b is p, or nil: no batch. Each call is
// made by guard.
func fetchAll(ctx context.Context, guard func(func() error) error, p Provider, b BatchProvider, refs []Ref) (results []Result, singly int) {
	var single []int // the indices that are read one by one; not set without a batch
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
	parallel.Each(singly, maxAtOnce, func(i int) {
		if b != nil {
			i = single[i]
		}
		if singly > 1 {
			results[i].Err = errExited // stays if the provider ends this goroutine, which is one of Each's
		}
		results[i] = fetchOne(ctx, guard, p, refs[i])
	})
	return results, singly
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

// Renew renews a lease. It reports false if the document must be read instead.
func (p *provider) Renew(ctx context.Context, v *cache.Version) (cache.Answer, bool) {
	leaser, ok := p.given().(LeaseProvider)
	if !ok {
		return cache.Answer{}, false
	}
	start := p.now()
	results := make([]Result, 1)
	results[0].Err = guard(func() (err error) {
		results[0].Value, err = leaser.Renew(ctx, valueOf(v))
		return err
	})
	if err := results[0].Err; errors.Is(err, errors.ErrUnsupported) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
		return cache.Answer{}, false
	}
	return cache.Answer{Outcomes: outcomes(results), Called: p.observed, Took: p.now() - start}, true
}

// Revoke ends a lease.
func (p *provider) Revoke(ctx context.Context, v *cache.Version) {
	if leaser, ok := p.given().(LeaseProvider); ok {
		_ = guard(func() error { return leaser.Revoke(ctx, valueOf(v)) })
	}
}

// Watches reports whether the provider is open and can watch.
func (p *provider) Watches() bool {
	_, ok := p.given().(WatchProvider)
	return ok
}

// Watch makes the provider watch a place.
func (p *provider) Watch(ctx context.Context, at cache.Place, changed func()) cache.Watched {
	w, ok := p.given().(WatchProvider)
	if !ok {
		return cache.Watched{}
	}
	err := guard(func() error { return w.Watch(ctx, refOf(at), changed) })
	if errors.Is(err, errors.ErrUnsupported) {
		return cache.Watched{}
	}
	calls := callsBack(err)
	return cache.Watched{Calls: calls, Again: !calls, Err: err}
}

// callsBack reports whether a provider whose Watch returned err will report changes:
// it watches, or it polls.
func callsBack(err error) (yes bool) {
	safely(func() {
		var polling interface{ PollsEvery() time.Duration }
		yes = err == nil || errors.As(err, &polling) && polling.PollsEvery() > 0
	})
	return yes
}

// end closes the provider. detach: it ends no login.
func (p *provider) end(detach bool) error {
	opened := p.given()
	if d, ok := opened.(interface{ Detach() error }); ok && detach {
		return guard(d.Detach)
	}
	return closeProvider(opened)
}
