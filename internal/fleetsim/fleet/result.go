package fleet

import (
	"math"
	"slices"
	"time"
)

// sampleEvery spaces the looks at how old values are.
const sampleEvery = 5 * time.Second

// month is what prices count by: 365 days in twelve parts.
const month = 365 * 24 * time.Hour / 12

// Result is what a run showed.
type Result struct {
	Params Params

	Seconds []Second // what happened in each
	Ages    []Age    // of what is held, every five seconds
	Started []time.Duration
	Failed  int // Preloads that returned an error
}

// Second counts the calls of one second of a run.
type Second struct {
	Calls, OK, Throttled, Refused int
	Documents                     int // that were returned
}

// Age tells how long ago what is held was read.
type Age struct {
	At       time.Duration
	P50, P99 time.Duration
	Max      time.Duration
}

func newResult(p Params) *Result {
	return &Result{Params: p, Seconds: make([]Second, int(p.Duration/time.Second)+1)}
}

func (r *Result) count(now time.Duration, documents int, got outcome) {
	s := &r.Seconds[now/time.Second]
	s.Calls++
	switch got {
	case answered:
		s.OK++
		s.Documents += documents
	case throttled:
		s.Throttled++
	case refused:
		s.Refused++
	}
}

// sample notes how old values are.
func (s *sim) sample() {
	var ages []time.Duration
	for _, p := range s.processes {
		for i := range p.docs {
			if p.docs[i].held {
				ages = append(ages, s.now-p.docs[i].fetched)
			}
		}
	}
	if len(ages) == 0 {
		return
	}
	slices.Sort(ages)
	at := func(q float64) time.Duration { return ages[int(q*float64(len(ages)-1))] }
	s.result.Ages = append(s.result.Ages, Age{At: s.now, P50: at(0.5), P99: at(0.99), Max: at(1)})
}

// Total adds up the seconds from one time to another; to 0: the end.
func (r *Result) Total(from, to time.Duration) Second {
	var sum Second
	for _, s := range r.between(from, to) {
		sum.Calls += s.Calls
		sum.OK += s.OK
		sum.Throttled += s.Throttled
		sum.Refused += s.Refused
		sum.Documents += s.Documents
	}
	return sum
}

func (r *Result) between(from, to time.Duration) []Second {
	end := len(r.Seconds)
	if to > 0 {
		end = min(end, int(to/time.Second))
	}
	return r.Seconds[min(int(from/time.Second), end):end]
}

// Peak is the most calls of one second.
func (r *Result) Peak(from, to time.Duration) int {
	peak := 0
	for _, s := range r.between(from, to) {
		peak = max(peak, s.Calls)
	}
	return peak
}

// Mean is the calls of a second on average.
func (r *Result) Mean(from, to time.Duration) float64 {
	if to == 0 {
		to = r.Params.Duration
	}
	return float64(r.Total(from, to).Calls) / (to - from).Seconds()
}

// ThrottledShare is the part of the calls that were throttled.
func (r *Result) ThrottledShare(from, to time.Duration) float64 {
	t := r.Total(from, to)
	if t.Calls == 0 {
		return 0
	}
	return float64(t.Throttled) / float64(t.Calls)
}

// StartedBy is when a part of the processes had their secrets; ok is false if
// they never had.
func (r *Result) StartedBy(part float64) (at time.Duration, ok bool) {
	n := int(math.Ceil(part * float64(r.Params.Processes)))
	if n == 0 || len(r.Started) < n {
		return 0, false
	}
	return r.Started[n-1], true
}

// Oldest is the greatest age that was seen, and the 99th percentile at its
// worst.
func (r *Result) Oldest(from time.Duration) (most, p99 time.Duration) {
	for _, a := range r.Ages {
		if a.At >= from {
			most, p99 = max(most, a.Max), max(p99, a.P99)
		}
	}
	return most, p99
}

// Monthly is the price of a month like the run from that time on: calls and
// documents, and what the documents cost by being there.
func (r *Result) Monthly(from time.Duration) (calls, kept float64) {
	t, price := r.Total(from, r.Params.Duration), r.Params.Backend.Price
	months := float64(month) / float64(r.Params.Duration-from)
	calls = months * (float64(t.OK)*price.Calls + float64(t.Documents)*price.Documents) / 10_000
	return calls, price.Month * float64(r.Params.Documents)
}
