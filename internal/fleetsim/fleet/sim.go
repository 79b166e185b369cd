package fleet

import (
	"math/rand/v2"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// sim is a run under way.
type sim struct {
	Params
	service   *service
	rng       *rand.Rand
	chance    policy.Chance // that the resolver's waits are drawn by
	now       time.Duration
	queue     queue
	processes []*process
	result    *Result
}

// Run simulates, the same for the same parameters.
func Run(p Params) *Result {
	p = p.withDefaults()
	s := &sim{
		Params: p, service: newService(&p), result: newResult(p),
		rng: rand.New(rand.NewPCG(p.Seed, 0x5eed)),
	}
	s.chance = s.rng.Int64N
	if p.NoJitter {
		s.chance = func(n int64) int64 { return n - 1 }
	}
	for i := range p.Processes {
		proc := &process{sim: s, docs: make([]document, p.Documents)}
		s.processes = append(s.processes, proc)
		if p.Warm {
			proc.warm()
			continue
		}
		var start time.Duration
		if p.Processes > 0 {
			start = p.Rollout * time.Duration(i) / time.Duration(p.Processes)
		}
		s.after(start, proc.preload)
	}
	for at := sampleEvery; at <= p.Duration; at += sampleEvery {
		s.after(at, s.sample)
	}
	for !s.queue.empty() {
		e := s.queue.pop()
		if e.at >= p.Duration || p.UntilStarted && len(s.result.Started) == p.Processes {
			break
		}
		s.now = e.at
		e.do()
	}
	return s.result
}

// after has do called when so much time has passed.
func (s *sim) after(wait time.Duration, do func()) { s.queue.push(s.now+wait, do) }

// call makes one call for so many documents, and tells what came of it when
// the answer is there.
func (s *sim) call(documents int, done func(outcome)) {
	got := s.service.answer(s.now, documents > 1)
	s.result.count(s.now, documents, got)
	half := int64(s.service.Latency / 2)
	s.after(time.Duration(half+s.rng.Int64N(2*half+1)), func() { done(got) })
}

// parallel starts do(0) … do(n-1), at most limit at a time, and calls done when
// all have ended.
func parallel(n, limit int, do func(i int, end func()), done func()) {
	if n == 0 {
		done()
		return
	}
	next, ended := 0, 0
	var start func()
	start = func() {
		i := next
		next++
		do(i, func() {
			if ended++; ended == n {
				done()
			} else if next < n {
				start()
			}
		})
	}
	for range min(n, limit) {
		start()
	}
}

// A queue is the events to come, the earliest first and those of one moment in
// the order in which they were put in.
type queue struct {
	events []event
	seq    uint64
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (q *queue) empty() bool { return len(q.events) == 0 }

func (q *queue) before(i, j int) bool {
	a, b := &q.events[i], &q.events[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// push and pop are container/heap without its boxes: a run has tens of millions
// of events.
func (q *queue) push(at time.Duration, do func()) {
	q.seq++
	q.events = append(q.events, event{at, q.seq, do})
	for i := len(q.events) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.before(i, up) {
			return
		}
		q.events[i], q.events[up] = q.events[up], q.events[i]
		i = up
	}
}

func (q *queue) pop() event {
	first, last := q.events[0], len(q.events)-1
	q.events[0], q.events[last] = q.events[last], event{}
	q.events = q.events[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first
		}
		if down+1 < last && q.before(down+1, down) {
			down++
		}
		if !q.before(down, i) {
			return first
		}
		q.events[i], q.events[down] = q.events[down], q.events[i]
		i = down
	}
}
