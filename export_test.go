package secrets

import (
	"testing"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
)

// WithClock replaces the clock pair, for tests of steps.
func WithClock(wall func() time.Time, mono func() time.Duration) Option {
	return func(s *settings) { s.clock = func() (time.Time, time.Duration) { return wall(), mono() } }
}

// Held returns how many documents and names r holds, and how many documents
// it remembers as missing.
func (r *Resolver) Held() (documents, names, missing int) {
	tx := r.cache.Lock()
	defer tx.Unlock()
	documents, missing = tx.Counts()
	return documents, tx.Names(), missing
}

// PreparedAhead reports what of a document, of a name that is held, is made
// before the lock is taken when a read returns data: whether its fields are
// parsed, and how many of these texts of it are looked through for references.
func (r *Resolver) PreparedAhead(name string, data []byte, texts ...string) (parsed bool, references int) {
	tx := r.cache.Lock()
	wants := r.index.find(name).doc.Wants
	tx.Unlock()
	v := versionOf(&Value{Data: data})
	if len(data) >= cache.Large {
		owner{&r.names}.Prepare(v, wants)
	}
	_, made := contentOf(v).load()
	for _, text := range texts {
		if made.references == nil {
			break
		}
		if _, ok := made.references(text); ok {
			references++
		}
	}
	return made.fields != nil, references
}

// WaitForLock takes the lock, and returns how long that took.
func (r *Resolver) WaitForLock() time.Duration {
	start := time.Now()
	tx := r.cache.Lock()
	defer tx.Unlock()
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

// Locked calls f while the lock is held.
func (r *Resolver) Locked(f func()) {
	tx := r.cache.Lock()
	defer tx.Unlock()
	f()
}
