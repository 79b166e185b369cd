package secrets

import "time"

// WithClock replaces the clock pair, for tests of steps.
func WithClock(wall func() time.Time, mono func() time.Duration) Option {
	return func(s *settings) { s.clock = clock{wall: wall, mono: mono} }
}

// Held returns how many documents and names r holds, and how many documents
// it remembers as missing.
func (r *Resolver) Held() (documents, names, missing int) {
	r.mu.Lock()
	defer r.unlock()
	return r.held, r.named, len(r.missing.docs)
}

// ParsedAhead reports whether a read of the document of a name that is held,
// returning data, parses it before the lock is taken.
func (r *Resolver) ParsedAhead(name string, data []byte) bool {
	r.lock()
	d := r.names.find(name).doc
	r.unlock()
	rd := &reading{provider: d.folder.provider, flights: []*flight{{doc: d}}}
	return r.arrivals(rd, []Result{{Value: Value{Data: data}}})[0].fields != nil
}

// WaitForLock takes the lock, and returns how long that took.
func (r *Resolver) WaitForLock() time.Duration {
	start := time.Now()
	r.lock()
	defer r.unlock()
	return time.Since(start)
}
