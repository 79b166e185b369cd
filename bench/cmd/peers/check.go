package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// A check is something that has to hold, with what was measured.
type check struct {
	what string
	got  float64
	want string // in words, unit included
	unit string // of got
	ok   bool
	err  error // it could not be judged
}

// checker collects checks on results.
type checker struct {
	r   *results
	all []check
}

// atMost checks that a value is no more than a bound.
func (c *checker) atMost(what, unit string, got float64, err error, bound float64) {
	c.all = append(c.all, check{what: what, got: got, want: "at most " + quantity(bound, unit), unit: unit, ok: err == nil && got <= bound, err: err})
}

// atLeast checks that a value is no less than a bound.
func (c *checker) atLeast(what, unit string, got float64, err error, bound float64) {
	c.all = append(c.all, check{what: what, got: got, want: "at least " + quantity(bound, unit), unit: unit, ok: err == nil && got >= bound, err: err})
}

// median checks the median of a row against an upper bound.
func (c *checker) median(what, name, unit string, bound float64) {
	got, err := c.r.median(name, unit)
	c.atMost(what, unit, got, err, bound)
}

// allChecks are what the library promises, on the results of one run.
func allChecks(r *results) []check {
	c := &checker{r: r}
	c.held()
	c.calls()
	c.outage()
	c.resources()
	return c.all
}

func (c *checker) held() {
	for _, names := range []string{"1", "1000"} {
		at := "/names=" + names + "/goroutines=1"
		ratio, err := c.r.ratio("Held/peer=ours"+at, "Held/peer=floor"+at, "ns/op")
		c.atMost("a held Get by name, "+names+" names, beside the floor", "×", ratio, err, 1.5)
		for _, g := range []string{"1", "2", "8"} {
			at := "/names=" + names + "/goroutines=" + g
			for _, peer := range []string{"runtimevar", "setec", "awscache", "vals"} {
				if !c.r.has("Held/peer=" + peer + at) {
					continue
				}
				ratio, err := c.r.ratio("Held/peer="+peer+at, "Held/peer=ours"+at, "ns/op")
				c.atLeast(fmt.Sprintf("%s's read by name beside ours, %s names, %s goroutines", peer, names, g), "×", ratio, err, 1)
			}
		}
		c.scales(names)
		c.median("allocations of a held Get, "+names+" names", "Held/peer=ours"+at, "allocs/op", 0)
	}
	ratio, err := c.r.ratio("Handle/peer=runtimevar/goroutines=1", "Handle/peer=ours/goroutines=1", "ns/op")
	c.atLeast("runtimevar's Latest beside Live.Get", "×", ratio, err, 3)
}

// scales checks that two goroutines read nearly twice as much as one, and says
// what they give the floor: two threads of one core, or a neighbour on it, give
// nobody twice as much.
func (c *checker) scales(names string) {
	at := "/names=" + names
	ours, err := c.r.median("Scaling/peer=ours"+at, "two-over-one")
	floor, floorErr := c.r.median("Scaling/peer=floor"+at, "two-over-one")
	what := fmt.Sprintf("throughput of two goroutines beside one, %s names (the floor's: %.2f ×)", names, floor)
	c.atLeast(what, "×", ours, errors.Join(err, floorErr), 1.8)
}

func (c *checker) calls() {
	for _, backend := range []string{"awssm", "ssm", "vault", "gcp"} {
		for _, latency := range []string{"0s", "5ms"} {
			name := "ColdPair/backend=" + backend + "/latency=" + latency
			raw, err := c.r.median(name, "raw-ns")
			bound := 10_000.0
			if backend == "gcp" {
				bound = 20_000
			}
			extra, err2 := c.r.median(name, "extra-ns")
			if err == nil {
				err = err2
			}
			c.atMost("what a cold Get adds to the raw client, "+backend+", backend "+latency, "ns", extra, err, 0.03*raw+bound)
		}
	}
	for _, peer := range []string{"ours", "ours-on-demand"} {
		c.median("backend calls of 1,000 goroutines on a cold name, "+peer, "Herd/peer="+peer, "cold-calls", 1)
		c.median("the same at expiry, "+peer, "Herd/peer="+peer, "expiry-calls", 1)
	}
	for i, backend := range []string{"awssm", "ssm"} {
		calls := []float64{5, 10}[i]
		c.median("calls for 100 secrets at start, "+backend, "Start/peer=ours-"+backend, "calls/op", calls)
		ours := c.r.all("StartPair/backend="+backend, "ours-ns")
		ideal := c.r.all("StartPair/backend="+backend, "ideal-ns")
		var ratios []float64
		for i := range min(len(ours), len(ideal)) {
			ratios = append(ratios, ours[i]/ideal[i])
		}
		if len(ratios) == 0 {
			c.atMost("100 secrets at start beside batches by hand, "+backend, "×", 0, fmt.Errorf("not measured"), 1.2)
			continue
		}
		c.atMost("100 secrets at start beside batches by hand, "+backend, "×", medianOf(ratios), nil, 1.2)
	}
}

func (c *checker) outage() {
	for _, kind := range []string{"hang", "refuse", "throttle"} {
		name := "Outage/kind=" + kind + "/peer=ours"
		// What a busy machine does to any read is not the library's.
		floor, err := c.r.median(name, "floor-p99.9-ns")
		slowest, err2 := c.r.median(name, "p99.9-ns")
		if err == nil {
			err = err2
		}
		c.atMost("p99.9 of a held Get over that of a map's lookup at the same time, backend out: "+kind, "ns", slowest-floor, err, 10_000)
		c.median("reads that failed, "+kind, name, "failed-%", 0)
		c.median("growth of goroutines over the outage, "+kind, name, "goroutine-growth", 2)
		c.median("growth of the heap over the outage, "+kind, name, "more-heap-B", 128<<10)
		last := "Recovery/kind=" + kind + "/peer=ours"
		c.median("the last of 20 resolvers has recovered, "+kind, last, "last-ns", 30e9)
		first, err := c.r.median(last, "first-ns")
		end, err2 := c.r.median(last, "last-ns")
		if err == nil {
			err = err2
		}
		c.atLeast("between the first and the last of the 20, "+kind, "ns", end-first, err, 100e6)
	}
}

func (c *checker) resources() {
	c.median("heap of a held secret of 64 bytes", "Heap/peer=ours", "B/secret", 600)
	c.median("goroutines of a refresh of 10,000 documents", "Refresh/peer=ours", "goroutines", 8)
	perCall, err := c.r.median("Refresh/peer=ours", "documents/call")
	c.atLeast("documents of a call in that refresh", "", perCall, err, 19.9)
	c.median("Open and the first Get on files", "FilesOpen/peer=ours", "ns/op", 1e6)
	for _, s := range []struct {
		ours, raw string
		bound     float64
	}{
		{"files", "jsonslog", 1_500_000}, {"vault", "raw-vault", 1_000_000}, {"awssm", "raw-awssm", 1_000_000}, {"ssm", "raw-ssm", 1_000_000}, {"gcp", "raw-gcp", 1_150_000},
	} {
		ours, err := c.r.median("Program/peer=ours-"+s.ours, "size-B")
		raw, err2 := c.r.median("Program/peer="+s.raw, "size-B")
		if err == nil {
			err = err2
		}
		c.atMost("a stripped program, "+s.ours+", over "+s.raw, "B", ours-raw, err, s.bound)
	}
	for _, connections := range []string{"kept", "dropped"} {
		c.median("Gets that fail when a process is stopped in mid-read, connections "+connections, "Freeze/connections="+connections+"/peer=ours-on-demand", "failed", 0)
	}
}

// printChecks prints the checks and returns how many did not hold.
func printChecks(w io.Writer, checks []check) (failed int) {
	for _, c := range checks {
		mark := "pass"
		if !c.ok {
			mark = "FAIL"
			failed++
		}
		got := quantity(c.got, c.unit)
		if c.err != nil {
			got = c.err.Error()
		}
		fmt.Fprintf(w, "%s  %-72s %12s  (%s)\n", mark, c.what, got, c.want)
	}
	fmt.Fprintf(w, "%d of %d hold\n", len(checks)-failed, len(checks))
	return failed
}

// quantity writes a value with its unit, for people.
func quantity(v float64, unit string) string {
	switch {
	case unit == "×" || strings.HasSuffix(unit, "-over-one"):
		return fmt.Sprintf("%.2f ×", v)
	case unit == "ns" || strings.HasSuffix(unit, "-ns") || unit == "ns/op":
		return duration(v)
	case unit == "B" || strings.HasSuffix(unit, "-B") || strings.HasPrefix(unit, "B/"):
		return bytesOf(v)
	case strings.HasSuffix(unit, "-%"):
		return fmt.Sprintf("%.3g %%", v)
	}
	return fmt.Sprintf("%.4g", v)
}

// duration writes nanoseconds with three digits.
func duration(ns float64) string {
	abs := max(ns, -ns)
	switch {
	case abs < 1e3:
		return fmt.Sprintf("%.3g ns", ns)
	case abs < 1e6:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	case abs < 1e9:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	}
	return fmt.Sprintf("%.3g s", ns/1e9)
}

func bytesOf(b float64) string {
	abs := max(b, -b)
	switch {
	case abs < 1e4:
		return fmt.Sprintf("%.0f B", b)
	case abs < 1e6:
		return fmt.Sprintf("%.0f kB", b/1e3)
	}
	return fmt.Sprintf("%.1f MB", b/1e6)
}
