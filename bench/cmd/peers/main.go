// Command peers measures the library beside its peers and writes what it found
// to docs/benchmarks.md. It is what make bench-peers runs, in bench/:
//
//	go run ./cmd/peers                    # measure, write, check
//	go run ./cmd/peers -rows Held,Heap    # measure these alone, keep the others' results
//	go run ./cmd/peers -rows none         # write the page and check, from the results of before
//	go run ./cmd/peers -check             # fail, too, if something is not as it should be
//
// Each peer of each row is a process of its own, one after another in turn,
// and again in every round, so that what else the machine does meets all of
// them. Ratios are taken within a round, and their median counts.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are what the command is told.
type options struct {
	rows   string
	rounds int
	quick  bool
	vals   bool
	check  bool
	docs   string
}

func main() {
	var o options
	flag.StringVar(&o.rows, "rows", "all", "the rows to measure, as Held,Heap; all; none")
	flag.IntVar(&o.rounds, "rounds", 6, "how many rounds the fast rows take; the slow ones take fewer")
	flag.BoolVar(&o.quick, "quick", false, "small counts and one round: shows that all works, and no figures of use")
	flag.BoolVar(&o.vals, "vals", true, "measure vals, which takes minutes to build the first time")
	flag.BoolVar(&o.check, "check", false, "end with an error if something is not as it should be")
	flag.StringVar(&o.docs, "docs", "../docs", "the folder of benchmarks.md")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	out := filepath.Join(o.docs, "benchmarks")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	began := time.Now()
	if len(chosen) > 0 {
		m := measurement{options: o, results: filepath.Join(out, "results.txt"), trace: filepath.Join(out, "outage.jsonl")}
		if err := m.measure(chosen); err != nil {
			return err
		}
	}
	r, err := readResults(filepath.Join(out, "results.txt"))
	if err != nil {
		return err
	}
	checks := allChecks(r)
	failed := printChecks(os.Stdout, checks)
	if err := drawPlots(r, out); err != nil {
		return err
	}
	if err := writePage(r, checks, o.docs); err != nil {
		return err
	}
	fmt.Printf("%v in all\n", time.Since(began).Round(time.Second))
	if o.check && failed > 0 {
		return fmt.Errorf("%d checks failed", failed)
	}
	return nil
}

// choose returns the rows that are to be measured.
func choose(o options) ([]row, error) {
	switch o.rows {
	case "none":
		return nil, nil
	case "all":
		return allRows(o), nil
	}
	var chosen []row
	for name := range strings.SplitSeq(o.rows, ",") {
		at := slices.IndexFunc(allRows(o), func(r row) bool { return r.name == name })
		if at < 0 {
			return nil, errors.New("there is no row " + name)
		}
		chosen = append(chosen, allRows(o)[at])
	}
	return chosen, nil
}
