package secrets

import "testing"

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
