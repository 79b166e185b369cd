package secrets

import "testing"

// UseConfigReader has read stand for package config until the test ends.
func UseConfigReader(t testing.TB, read func(path string) (Config, error)) {
	before := readConfig.Swap(&read)
	t.Cleanup(func() { readConfig.Store(before) })
}
