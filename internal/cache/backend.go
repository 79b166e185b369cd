package cache

import "github.com/go-secrets/secrets/internal/policy"

// A Backend is a Source with what the Cache knows of it: what is in flight, and
// how it has been doing.
type Backend struct {
	Source
	cache  *Cache
	spaces []*Space

	cold    chan struct{} // holds a token for each cold read in flight
	refresh chan struct{} // holds a token for each refresh in flight

	// Guarded by Cache.mu.
	due      *docHeap // the documents that are to be refreshed
	failures int      // in a row, of the kinds that speak of the backend
	told     int      // failures, when the log was last told
	retryAt  int64    // no refresh before, after failures
	calls    int      // refreshes that were started and have not ended, as calls of the backend
	probing  bool     // after failures: one refresh is under way, and the others wait for what it says
}

// A Space is the documents of a Backend that are read in the same way. Owner is
// the Owner's word for it.
type Space struct {
	Owner   any
	backend *Backend
	docs    map[string]*Doc // by path; guarded by Cache.mu
}

// Add adds a Source.
func (tx Tx) Add(source Source) *Backend {
	b := &Backend{
		Source:  source,
		cache:   tx.cache(),
		cold:    make(chan struct{}, maxColdReads),
		refresh: make(chan struct{}, maxRefreshes),
		due:     newDueHeap(),
	}
	tx.c.backends = append(tx.c.backends, b)
	return b
}

// AddSpace adds a Space to a Backend.
func (tx Tx) AddSpace(b *Backend, owner any) *Space {
	tx.cache()
	s := &Space{Owner: owner, backend: b, docs: make(map[string]*Doc)}
	b.spaces = append(b.spaces, s)
	return s
}

// judge sets the backend's backoff by what a call said. Only refreshes make it
// longer: what others wait for is spaced by what they remember.
func (b *Backend) judge(rd *Reading, outcomes []Outcome, now int64) {
	if rd.refresh {
		b.probing = false
	}
	var failed *Outcome
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err == nil || !o.Kind.speaksOfBackend() && o.Kind != abandoned {
			// It answered: what other documents have is their own.
			b.failures, b.retryAt, b.told = 0, 0, 0
			return
		}
		if failed == nil || o.RetryAfter > failed.RetryAfter {
			failed = o
		}
	}
	if rd.refresh && now >= b.retryAt { // several that were under way together count once
		b.failures++
		b.retryAt = now + int64(policy.Refresh(b.failures, failed.RetryAfter))
	}
}

// toldOutage reports whether others have told of a failure already: of an
// outage one document tells, when it starts and each time the failures in a row
// have doubled.
func (b *Backend) toldOutage(d *Doc, kind Kind) bool {
	n := d.failures()
	if kind.speaksOfBackend() && b.failures > 0 {
		n = b.failures
		if b.told == n {
			return true
		}
		b.told = n
	}
	return n&(n-1) != 0
}
