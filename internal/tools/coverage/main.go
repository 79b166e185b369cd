// Command coverage says how much of a package its own tests run, and that
// none of it is run by a test which asserts nothing.
//
//	coverage [-mod DIR] [-least 95]
//
// It runs the tests of the package in DIR, and fails if they run less than
// that of its statements, in percent, or if a test or a subtest can not fail.
// Examples count as tests, for their output is compared.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/tools/cover"
)

func main() {
	dir := flag.String("mod", ".", "the folder of the package")
	least := flag.Float64("least", 95, "the percentage of statements that is enough")
	flag.Parse()
	enough, err := check(*dir, *least)
	if err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(2)
	}
	if !enough {
		os.Exit(1)
	}
}

// check prints what it finds, and reports whether that is enough.
func check(dir string, least float64) (enough bool, err error) {
	idle, err := idleTests(dir)
	if err != nil {
		return false, err
	}
	for _, test := range idle {
		fmt.Printf("%s can not fail: it asserts nothing\n", test)
	}
	percent, err := measure(dir)
	if err != nil {
		return false, err
	}
	fmt.Printf("%.1f %% of the statements, %g %% are asked for\n", percent, least)
	return len(idle) == 0 && percent >= least, nil
}

// measure runs the tests of the package in dir, and returns how many percent of
// its statements they run.
func measure(dir string) (percent float64, err error) {
	home, err := os.MkdirTemp("", "coverage")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(home) }()
	profile := filepath.Join(home, "profile")
	tests := exec.Command("go", "test", "-count=1", "-coverprofile="+profile, ".")
	tests.Dir = dir
	if out, err := tests.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	files, err := cover.ParseProfiles(profile)
	if err != nil {
		return 0, err
	}
	covered, all := 0, 0
	for _, file := range files {
		for _, block := range file.Blocks {
			all += block.NumStmt
			if block.Count > 0 {
				covered += block.NumStmt
			}
		}
	}
	if all == 0 {
		return 0, fmt.Errorf("%s has no statements", dir)
	}
	return 100 * float64(covered) / float64(all), nil
}
