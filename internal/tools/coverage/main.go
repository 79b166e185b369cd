// Command coverage says how much of a package its tests run, and that none of
// it is run by a test which asserts nothing.
//
//	coverage [-mod DIR] [-least 95] [-skip PATTERN] [packages]
//
// It runs the tests of the package in DIR, and those of the other packages
// named, and fails if they run less than that of the statements of the package
// in DIR, in percent, or if a test or a subtest can not fail. Examples count as
// tests, for their output is compared. Tests whose names match PATTERN are not
// run.
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
	skip := flag.String("skip", "", "the tests that are not run")
	flag.Parse()
	enough, err := check(*dir, *least, *skip, flag.Args()...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(2)
	}
	if !enough {
		os.Exit(1)
	}
}

// check prints what it finds, and reports whether that is enough.
func check(dir string, least float64, skip string, others ...string) (enough bool, err error) {
	all := append([]string{"."}, others...)
	idle, err := idleTests(dir, all)
	if err != nil {
		return false, err
	}
	for _, test := range idle {
		fmt.Printf("%s can not fail: it asserts nothing\n", test)
	}
	percent, err := measure(dir, skip, all)
	if err != nil {
		return false, err
	}
	fmt.Printf("%.1f %% of the statements, %g %% are asked for\n", percent, least)
	return len(idle) == 0 && percent >= least, nil
}

// measure runs the tests of packages, and returns how many percent of the
// statements of the package in dir they run.
func measure(dir, skip string, all []string) (percent float64, err error) {
	home, err := os.MkdirTemp("", "coverage")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(home) }()
	profile := filepath.Join(home, "profile")
	tests := exec.Command("go", append([]string{"test", "-count=1", "-skip=" + skip, "-coverpkg=.", "-coverprofile=" + profile}, all...)...)
	tests.Dir = dir
	if out, err := tests.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	files, err := cover.ParseProfiles(profile)
	if err != nil {
		return 0, err
	}
	covered, statements := 0, 0
	for _, file := range files {
		for _, block := range file.Blocks {
			statements += block.NumStmt
			if block.Count > 0 {
				covered += block.NumStmt
			}
		}
	}
	if statements == 0 {
		return 0, fmt.Errorf("%s has no statements", dir)
	}
	return 100 * float64(covered) / float64(statements), nil
}
