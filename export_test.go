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
