// Command mutate tests the tests of a package: it changes one comparison,
// condition, constant or error class at a time, and runs the tests. A change
// that they do not notice is a survivor.
//
//	mutate [-mod DIR] [-explained DIR] [-only REGEXP] [-tests PACKAGES] [-skip REGEXP] [-j N] [-sample N] [-list] [-v] FILE.go…
//
// The tests are the package's own and those of PACKAGES. All mutants are
// compiled into each of their binaries, which are told by their environment
// which of them is to be in force, so that there is a compilation for each
// package with tests and not a thousand. Nothing is written into the package: the changed files
// reach the compiler by -overlay. Each mutant meets only the tests that reach
// it, the quick ones first.
//
// DIR has a file for each FILE.go, FILE.txt, that lists the survivors that change
// nothing anybody could notice, and why. The exit code is 0 if every mutant was
// killed or is explained there, and each explanation is still of use.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	o := options{}
	flag.StringVar(&o.dir, "mod", ".", "the folder of the package")
	flag.StringVar(&o.explained, "explained", "", "the folder that explains survivors: those of settle.go in settle.txt")
	flag.StringVar(&o.only, "only", "", "only the mutants whose name matches this")
	flag.StringVar(&o.tests, "tests", "", "packages with more tests of it, separated by spaces: ./internal/spec/...")
	flag.StringVar(&o.skip, "skip", "", "the tests that are left out: those that draw what they do, and kill by chance")
	flag.IntVar(&o.workers, "j", runtime.GOMAXPROCS(0), "how many mutants are tried at the same time")
	flag.IntVar(&o.sample, "sample", 0, "only so many mutants, drawn by -seed; 0: all")
	flag.Uint64Var(&o.seed, "seed", 1, "draws the sample")
	flag.BoolVar(&o.list, "list", false, "print the mutants, and run nothing")
	flag.BoolVar(&o.verbose, "v", false, "print every mutant with what became of it")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "after which a mutant that hangs counts as killed")
	flag.Parse()
	o.files = flag.Args()
	ok, err := run(&o)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

type options struct {
	dir, explained, only, tests, skip string
	files                             []string
	sample, workers                   int
	seed                              uint64
	list, verbose                     bool
	timeout                           time.Duration
}

// run does what the command is asked. It reports whether nothing is wrong with
// the tests, nor with the explanations.
func run(o *options) (bool, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return false, err
	}
	if o.workers < 1 {
		return false, fmt.Errorf("-j %d: at least one mutant has to be tried at a time", o.workers)
	}
	p, err := load(o.dir, o.files)
	if err != nil {
		return false, err
	}
	why, err := explain(o.explained, p)
	if err != nil {
		return false, err
	}
	chosen := slices.DeleteFunc(slices.Clone(p.mutants), func(m *mutant) bool { return !only.MatchString(m.name()) })
	if o.sample > 0 && o.sample < len(chosen) {
		draw := rand.New(rand.NewPCG(o.seed, 0))
		draw.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		chosen = chosen[:o.sample]
		slices.SortFunc(chosen, func(a, b *mutant) int { return cmp.Compare(a.id, b.id) })
	}
	if o.list {
		for _, m := range chosen {
			fmt.Println(m.name())
		}
		return true, nil
	}
	start := time.Now()
	s, err := build(o.dir, strings.Fields(o.tests), p)
	if err != nil {
		return false, err
	}
	defer s.remove()
	if err := s.survey(o.skip); err != nil {
		return false, err
	}
	fmt.Printf("%d mutants, %d tests; built and surveyed in %v\n", len(chosen), len(s.tests), time.Since(start).Round(time.Second))
	c := newCount(why)
	tried := 0
	err = s.tryAll(chosen, o.workers, o.timeout, func(m *mutant, killer string) {
		tried++
		if line := c.add(m, killer); line != "" && (o.verbose || killer == "" && why[m.name()] == "") {
			fmt.Printf("%d/%d %s\n", tried, len(chosen), line)
		}
	})
	if err != nil {
		return false, err
	}
	whole := o.only == "" && o.sample == 0
	return c.report(p, whole, time.Since(start)), nil
}

// A count is what became of the mutants.
type count struct {
	why                         explanations
	killed, explained, survived int
	files                       map[string]int // killed of each file
	all                         map[string]int
	needless                    []string // explained, and killed
}

func newCount(why explanations) *count {
	return &count{why: why, files: make(map[string]int), all: make(map[string]int)}
}

// add counts a mutant, and returns a line about it.
func (c *count) add(m *mutant, killer string) string {
	name := m.name()
	c.all[m.file]++
	switch {
	case killer != "":
		c.killed++
		c.files[m.file]++
		if c.why[name] != "" {
			c.needless = append(c.needless, name)
		}
		return fmt.Sprintf("killed by %s: %s", killer, name)
	case c.why[name] != "":
		c.explained++
		return fmt.Sprintf("explained: %s", name)
	default:
		c.survived++
		return fmt.Sprintf("SURVIVED (%s): %s", m.place, name)
	}
}

// report prints the sums, and reports whether all is well. whole says that
// every mutant was tried.
func (c *count) report(p *program, whole bool, took time.Duration) bool {
	for _, file := range slices.Sorted(maps.Keys(c.all)) {
		fmt.Printf("%-16s %4d mutants, %4d killed\n", file, c.all[file], c.files[file])
	}
	fmt.Printf("%d killed, %d explained, %d survived; %v\n", c.killed, c.explained, c.survived, took.Round(time.Second))
	known := make(map[string]bool)
	for _, m := range p.mutants {
		known[m.name()] = true
	}
	unknown := 0
	for _, name := range slices.Sorted(maps.Keys(c.why)) {
		if !known[name] {
			unknown++
			fmt.Println("explained, and there is no such mutant:", name)
		}
	}
	for _, name := range c.needless {
		// No failure: what kills it may be a test that draws what it does.
		fmt.Println("explained, and a test killed it:", name)
	}
	return c.survived == 0 && (unknown == 0 || !whole)
}
