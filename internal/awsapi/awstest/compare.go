package awstest

import (
	"slices"
	"testing"
	"time"
)

// A Way is one of several to do the same.
type Way struct {
	Name string
	Do   func(round int) error
}

// Compare does the same in several ways, in turns, so that whatever else the
// machine does falls on all of them alike. It reports each median in µs, and
// how much longer the first takes than the second, in µs and %.
func Compare(b *testing.B, ways ...Way) {
	b.Helper()
	times := make([][]time.Duration, len(ways))
	for round := 0; b.Loop(); round++ {
		for i := range ways {
			i = (i + round) % len(ways)
			start := time.Now()
			if err := ways[i].Do(round); err != nil {
				b.Fatalf("%s: %v", ways[i].Name, err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	medians := make([]float64, len(ways))
	for i, way := range ways {
		slices.Sort(times[i])
		medians[i] = float64(times[i][len(times[i])/2]) / 1e3
		b.ReportMetric(medians[i], "µs-"+way.Name)
	}
	b.ReportMetric(medians[0]-medians[1], "µs-more")
	b.ReportMetric(100*(medians[0]-medians[1])/medians[1], "%-more")
	b.ReportMetric(0, "ns/op") // of all ways together: tells nothing
}
