package secrets

import "testing"

// UseConfigReader has read stand for package config until the test ends.
func UseConfigReader(t testing.TB, read func(path string) (Config, error)) {
	before := openConfig.Load()
	RegisterConfig(read)
	t.Cleanup(func() { openConfig.Store(before) })
}
