package cache

import "github.com/go-secrets/secrets/internal/policy"

// A Backend is a Source with the Cache's state for it: the reads in flight, and the
// failures.
type Backend struct {
	Source
	cache  *Cache
	spaces []*Space

	cold    chan struct{} // holds a token for each cold read in flight
	refresh chan struct{} // holds a token for each refresh in flight

	// Guarded by Cache.mu.
	due      *docHeap // the documents that are to be refreshed
	failures int      // in a row, of the kinds that are the backend's
	logged   int      // the value of failures when the log last had one
	retryAt  int64    // no refresh before, after failures
	calls    int      // refreshes that were started and have not ended, as calls of the backend
	probing  bool     // after failures: one refresh is under way, and the others wait for its result
}

// A Space is the documents of a Backend that are read in the same way.
type Space struct {
	Owner   any // the Owner's own data
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

// updateBackoff sets the backend's backoff after a call. Only a failed refresh makes
// it longer: between reads that callers wait for, the memory of each document's
// failure is the pause.
func (b *Backend) updateBackoff(rd *Reading, outcomes []Outcome, now int64) {
	if rd.refresh {
		b.probing = false
	}
	var failed *Outcome
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err == nil || !o.Kind.ofBackend() && o.Kind != abandoned {
			// It answered: the failures of other documents are their own.
			b.failures, b.retryAt, b.logged = 0, 0, 0
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

// alreadyLogged reports whether the log needs no record of a failure. It has one
// record of an outage when that starts, from the first document that fails, and one
// each time the failures in a row have doubled.
func (b *Backend) alreadyLogged(d *Doc, kind Kind) bool {
	n := d.failures()
	if kind.ofBackend() && b.failures > 0 {
		n = b.failures
		if b.logged == n {
			return true
		}
		b.logged = n
	}
	return n&(n-1) != 0
}
