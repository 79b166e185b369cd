package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"golang.org/x/perf/benchfmt"
)

// results are the values of each benchmark and unit, one a round.
type results struct {
	file   string
	values map[string]map[string][]float64 // by name, without Benchmark and the number of CPUs; by unit
	names  []string                        // in the order of the file
	config map[string]string               // goos, goarch, cpu
}

var procs = regexp.MustCompile(`-\d+$`)

// readResults reads a file in the benchmark format.
func readResults(file string) (*results, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &results{file: file, values: map[string]map[string][]float64{}, config: map[string]string{}}
	for reader := benchfmt.NewReader(f, file); reader.Scan(); {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, rec
		case *benchfmt.Result:
			name := procs.ReplaceAllString(string(rec.Name), "")
			if r.values[name] == nil {
				r.values[name] = map[string][]float64{}
				r.names = append(r.names, name)
			}
			for _, v := range rec.Values {
				unit, value := v.Unit, v.Value
				if v.OrigUnit != "" { // nanoseconds stay what they were
					unit, value = v.OrigUnit, v.OrigValue
				}
				r.values[name][unit] = append(r.values[name][unit], value)
			}
			for _, c := range rec.Config {
				r.config[c.Key] = string(c.Value)
			}
		}
	}
	return r, nil
}

// all returns the values of a benchmark in a unit, a round each; none: it was
// not measured.
func (r *results) all(name, unit string) []float64 { return r.values[name][unit] }

// has reports whether a benchmark was measured.
func (r *results) has(name string) bool { return r.values[name] != nil }

// median returns the median of a benchmark's rounds.
func (r *results) median(name, unit string) (float64, error) {
	all := r.all(name, unit)
	if len(all) == 0 {
		return 0, fmt.Errorf("%s has no %s", name, unit)
	}
	return medianOf(all), nil
}

func medianOf(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratio returns the median of the ratios within each round.
func (r *results) ratio(over, under, unit string) (float64, error) {
	a, b := r.all(over, unit), r.all(under, unit)
	n := min(len(a), len(b))
	if n == 0 {
		return 0, fmt.Errorf("%s or %s has no %s", over, under, unit)
	}
	// Rounds went in turn, so the values of one place belong together.
	ratios := make([]float64, n)
	for i := range n {
		ratios[i] = a[i] / b[i]
	}
	return medianOf(ratios), nil
}
