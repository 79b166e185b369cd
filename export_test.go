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

// ParsedAhead reports whether a read of the document of a name that is held,
// returning data, parses it before the lock is taken.
func (r *Resolver) ParsedAhead(name string, data []byte) bool {
	tx := r.cache.Lock()
	wants := r.names.find(name).doc.Wants
	tx.Unlock()
	v := versionOf(&Value{Data: data})
	if len(data) >= cache.Large {
		owner{r}.Prepare(v, wants)
	}
	_, now := contentOf(v).load()
	return now.fields != nil
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
