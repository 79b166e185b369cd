package fleet

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A process is one resolver on the backend, with an app that preloads its
// secrets at the start and uses all of them from then on.
type process struct {
	*sim
	docs []document
	life int // counts crashes; what an earlier life began ends nowhere

	setup      int             // calls of the opening that were answered
	opening    []func(outcome) // who waits for the next one; nil: none is under way
	batchAfter time.Duration   // the provider is taken for one that reads singly before

	// The provider, as the resolver sees it.
	failures int
	retryAt  time.Duration
	groups   int
	probing  bool
	wakeAt   time.Duration // when the refresher looks next; 0: never
}

// A document is what the resolver knows of one.
type document struct {
	held     bool
	queued   bool // for the refresher
	failures int
	fetched  time.Duration
	next     time.Duration // when it is to be read again
	until    time.Duration // until when a failed blocking read is remembered
}

// grouped reports whether what is read together goes to the provider together.
func (p *process) grouped() bool { return p.service.Grouped && p.now >= p.batchAfter }

// warm has the process hold what it read together at some time within the last
// TTL, or, without jitter, just now with all others.
func (p *process) warm() {
	p.setup = p.service.Setup
	next := policy.Part(p.TTL, p.chance.Spread())
	var ago time.Duration
	if !p.NoJitter {
		ago = time.Duration(p.rng.Int64N(int64(next)))
	}
	for i := range p.docs {
		p.docs[i] = document{held: true, queued: true, fetched: -ago, next: next - ago}
	}
	p.result.Started = append(p.result.Started, 0)
	p.wakeBefore(next - ago)
}

// preload is the app's call at the start, which waits for all of its secrets.
func (p *process) preload() {
	var need []int
	for i := range p.docs {
		if d := &p.docs[i]; !d.held && p.now >= d.until {
			need = append(need, i)
		}
	}
	life := p.life
	p.read(need, false, maxColdReads, func() {
		if p.life == life {
			p.preloaded()
		}
	})
}

// preloaded goes on when Preload returns.
func (p *process) preloaded() {
	for i := range p.docs {
		if p.docs[i].held {
			continue
		}
		p.result.Failed++
		if !p.Crash {
			p.preloadAgain()
			return
		}
		wait := policy.Doubling(p.life+1, crashBase, crashMost) + time.Duration(p.rng.Int64N(int64(restartDelay)))
		*p = process{sim: p.sim, docs: make([]document, len(p.docs)), life: p.life + 1}
		p.after(wait, p.preload)
		return
	}
	p.result.Started = append(p.result.Started, p.now)
}

// preloadAgain has the app ask again. What it asks while every failure is
// remembered is answered at once, and only counted.
func (p *process) preloadAgain() {
	until := time.Duration(-1)
	for i := range p.docs {
		if d := &p.docs[i]; !d.held && (until < 0 || d.until < until) {
			until = d.until
		}
	}
	times := max(1, (until-p.now+p.Wait-1)/p.Wait)
	p.result.Failed += int(times) - 1
	p.after(times*p.Wait, p.preload)
}

// read reads documents as the resolver does: in calls of the provider's where it
// reads batches, or one by one.
func (p *process) read(docs []int, refresh bool, most int, done func()) {
	size := 1
	if len(docs) > 1 && p.grouped() {
		size = maxBatch
	}
	spread := p.chance.Spread()
	parallel((len(docs)+size-1)/size, most, func(i int, end func()) {
		part := docs[i*size : min((i+1)*size, len(docs))]
		p.readChunk(&chunk{
			docs: part, refresh: refresh, spread: spread, deadline: p.now + p.Timeout,
			life: p.life, end: end,
		})
	}, done)
}

// A chunk is documents that are given to the provider together.
type chunk struct {
	docs     []int
	try      int
	refresh  bool // nobody waits: it is tried once
	spread   float64
	deadline time.Duration
	life     int
	end      func()
}

// readChunk reads a chunk until it is settled, or there is no time for another
// try. The model's slots are held meanwhile; a process of fewer documents than
// there are slots meets none.
func (p *process) readChunk(c *chunk) {
	c.try++
	p.fetch(c.docs, func(got []outcome) {
		if p.life != c.life {
			return
		}
		var again, final []int
		var finals []outcome
		for n, i := range c.docs {
			if got[n] != answered {
				again = append(again, i)
			} else {
				final, finals = append(final, i), append(finals, got[n])
			}
		}
		var after time.Duration
		if p.anyThrottled(got) {
			after = p.service.RetryAfter
		}
		wait := p.chance.Cold(c.try, after)
		if c.refresh || len(again) == 0 || c.deadline-p.now <= wait {
			p.settleAll(c, c.docs, got)
			c.end()
			return
		}
		p.settleAll(c, final, finals)
		c.docs = again
		p.after(wait, func() {
			if p.life == c.life {
				p.readChunk(c)
			}
		})
	})
}

func (p *process) anyThrottled(got []outcome) bool {
	for _, o := range got {
		if o == throttled {
			return true
		}
	}
	return false
}

// fetch is one Fetch or FetchBatch of the provider.
func (p *process) fetch(docs []int, done func([]outcome)) {
	got := make([]outcome, len(docs))
	p.open(func(opened outcome) {
		if opened != answered {
			for n := range got {
				got[n] = opened
			}
			done(got)
			return
		}
		one, limit := p.service.Batch, p.service.Parallel
		if p.NoBatch {
			one, limit = OneCall{}, maxRefreshes
			if len(docs) > 1 {
				p.batchAfter = p.now + noBatchFor
			}
		}
		sizes := one.cut(len(docs))
		at := 0
		parallel(len(sizes), max(limit, 1), func(i int, end func()) {
			mine := got[at : at+sizes[i]]
			at += sizes[i]
			p.call(len(mine), func(o outcome) {
				for n := range mine {
					mine[n] = o
				}
				end()
			})
		}, func() { done(got) })
	})
}

// open makes the calls that come before the first read. All who need them wait
// for the same ones.
func (p *process) open(then func(outcome)) {
	if p.setup >= p.service.Setup {
		then(answered)
		return
	}
	p.opening = append(p.opening, then)
	if len(p.opening) == 1 {
		p.openNext(p.life)
	}
}

func (p *process) openNext(life int) {
	p.call(1, func(o outcome) {
		if p.life != life {
			return
		}
		if o == answered {
			if p.setup++; p.setup < p.service.Setup {
				p.openNext(life)
				return
			}
		}
		waiting := p.opening
		p.opening = nil
		for _, then := range waiting {
			then(o)
		}
	})
}
