package model

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A gauge samples what a run holds on to, after a collection of garbage.
type gauge struct {
	mu      sync.Mutex
	samples []footprint
	done    chan struct{}
	ended   sync.WaitGroup
}

// A footprint is what the process holds on to at one moment.
type footprint struct {
	heap       float64 // bytes of spans in use
	live       float64 // bytes of objects
	goroutines float64
}

const (
	soakSamples = 360
	// What the last third of the samples may have over the first, as their
	// medians.
	soakGrowth     = 0.10
	soakHeap       = 1 << 20      // bytes
	soakGoroutines = modelReaders // each may just be waiting for a read
)

func startGauge(length time.Duration) *gauge {
	g := &gauge{done: make(chan struct{})}
	g.ended.Go(func() { g.run(length / soakSamples) })
	return g
}

func (g *gauge) run(every time.Duration) {
	for {
		select {
		case <-g.done:
			return
		case <-time.After(every):
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		g.mu.Lock()
		g.samples = append(g.samples, footprint{float64(m.HeapInuse), float64(m.HeapAlloc), float64(runtime.NumGoroutine())})
		g.mu.Unlock()
	}
}

// stop ends the gauge and judges its samples.
func (g *gauge) stop() (report string, err error) {
	close(g.done)
	g.ended.Wait()
	return flat(g.samples)
}

// flat tells whether samples have not grown from their first third to their
// last.
func flat(samples []footprint) (report string, err error) {
	third := len(samples) / 3
	if third < 10 {
		return "", fmt.Errorf("%d samples are too few to tell", len(samples))
	}
	first, last := samples[:third], samples[len(samples)-third:]
	for _, f := range []struct {
		name  string
		of    func(footprint) float64
		spare float64
		unit  float64
	}{
		{"heap in use, kB", func(h footprint) float64 { return h.heap }, soakHeap, 1 << 10},
		{"live objects, kB", func(h footprint) float64 { return h.live }, soakHeap, 1 << 10},
		{"goroutines", func(h footprint) float64 { return h.goroutines }, soakGoroutines, 1},
	} {
		from, to := median(first, f.of), median(last, f.of)
		report += fmt.Sprintf("%s: median of the first third %.0f, of the last %.0f\n", f.name, from/f.unit, to/f.unit)
		if to > from*(1+soakGrowth)+f.spare && err == nil {
			err = fmt.Errorf("it grows: %s from %.0f to %.0f", f.name, from/f.unit, to/f.unit)
		}
	}
	return fmt.Sprintf("%d samples\n%s", len(samples), report), err
}

func median(samples []footprint, of func(footprint) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func TestASoakTellsALeakFromNoise(t *testing.T) {
	t.Parallel()
	series := func(at func(i int) footprint) []footprint {
		var s []footprint
		for i := range 90 {
			s = append(s, at(i))
		}
		return s
	}
	const mb = 1 << 20
	for name, tt := range map[string]struct {
		samples []footprint
		grows   string
	}{
		"a heap that goes up and down is flat": {series(func(i int) footprint {
			return footprint{float64(20+i%7) * mb, float64(10+i%5) * mb, float64(100 + i%30)}
		}), ""},
		"a single peak is noise":          {series(func(i int) footprint { return footprint{float64(20+i/89*500) * mb, 10 * mb, 100} }), ""},
		"spans that grow are a leak":      {series(func(i int) footprint { return footprint{float64(20*mb + i*mb/8), 10 * mb, 100} }), "heap in use"},
		"objects that grow are a leak":    {series(func(i int) footprint { return footprint{40 * mb, float64(10*mb + i*mb/16), 100} }), "live objects"},
		"goroutines that grow are a leak": {series(func(i int) footprint { return footprint{20 * mb, 10 * mb, float64(100 + 2*i)} }), "goroutines"},
		"too few samples tell nothing":    {make([]footprint, 20), "too few"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flat(tt.samples)
			if tt.grows == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tt.grows)
		})
	}
}
