package fleet

import "time"

// A Bucket is a quota in use. Its clock is the caller's: times must not go
// back.
type Bucket struct {
	quota Quota
	left  float64
	last  time.Duration
}

// NewBucket returns a full bucket.
func NewBucket(q Quota) *Bucket { return &Bucket{quota: q, left: q.Burst} }

// Take reports whether a call at the time now is within the quota.
func (b *Bucket) Take(now time.Duration) bool {
	b.left = min(b.quota.Burst, b.left+b.quota.Rate*(now-b.last).Seconds())
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// An outcome is what the backend says of a document.
type outcome uint8

const (
	answered outcome = iota
	throttled
	refused
)

// service is the backend of a run.
type service struct {
	Backend
	single, batched *Bucket
	outages         []Outage
}

func newService(p *Params) *service {
	single := p.Backend.Single
	single.Rate = max(0, single.Rate-p.Others)
	single.Burst = max(1, single.Burst-p.Others)
	s := &service{Backend: p.Backend, single: NewBucket(single), outages: p.Outages}
	s.batched = s.single
	if p.Backend.Batched.Rate > 0 {
		s.batched = NewBucket(p.Backend.Batched)
	}
	return s
}

// answer is what a call at that time gets.
func (s *service) answer(now time.Duration, several bool) outcome {
	for _, o := range s.outages {
		if o.From <= now && now < o.To {
			return refused
		}
	}
	bucket := s.single
	if several {
		bucket = s.batched
	}
	if !bucket.Take(now) {
		return throttled
	}
	return answered
}

// cut returns the sizes of the calls that read n documents together.
func (o OneCall) cut(n int) []int {
	size := 1
	if o.Size > 1 && n >= o.Min {
		size = o.Size
	}
	sizes := make([]int, 0, (n+size-1)/size)
	for ; n > 0; n -= size {
		sizes = append(sizes, min(n, size))
	}
	return sizes
}
