package secrets

import (
	"testing"
	"time"
)

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

// UseConfigReader has read stand for package config until the test ends.
func UseConfigReader(t testing.TB, read func(path string) (Config, error)) {
	before := openConfig.Load()
	RegisterConfig(read)
	t.Cleanup(func() { openConfig.Store(before) })
}

// Unlink takes a backend away, as if no package had registered it, until the
// test ends.
func Unlink(t testing.TB, scheme string) {
	registry.Lock()
	defer registry.Unlock()
	b := registry.backends[scheme]
	if b == nil {
		return
	}
	delete(registry.backends, scheme)
	t.Cleanup(func() { Register(scheme, *b) })
}
