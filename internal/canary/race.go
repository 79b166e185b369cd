//go:build race

package canary

// Race reports that the race detector watches. A deep printer reads the locks
// of what it prints without taking them, so it can't print what is at work
// then; tests that have it do so run without the detector.
const Race = true

// HeapRoom is how many bytes of heap over idle a hostile answer may cost. Under
// the race detector the collector lags behind on a busy machine.
const HeapRoom = 128 << 20
