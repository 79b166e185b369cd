// Command licences checks the licence of every module that this one's packages
// and their tests need, on each system that it supports.
//
//	licences [-v] [-mod DIR]
//
// It fails on a licence that is not in the list below, and on a module in
// which it finds none that it knows.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences that ask of a program's author no more than to
// name the authors, or (MPL-2.0) to publish what they change in those files.
var allowed = []string{
	"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense",
}

// systems are those that README.md promises.
var systems = []string{"linux", "darwin", "windows"}

// atLeast is how much of a licence's file has to be known text, in percent;
// the rest are names and years.
const atLeast = 75

func main() {
	verbose := flag.Bool("v", false, "print every module with its licences")
	dir := flag.String("mod", ".", "the module to check")
	flag.Parse()
	modules, err := needed(*dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(2)
	}
	count := make(map[string]int)
	bad := false
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		found, err := judge(modules[name])
		if err != nil {
			bad = true
			fmt.Printf("%s: %v\n", name, err)
			continue
		}
		if *verbose {
			fmt.Printf("%-70s %s\n", name, strings.Join(found, " "))
		}
		for _, l := range found {
			count[l]++
		}
	}
	fmt.Printf("%d modules:", len(modules))
	for _, l := range slices.Sorted(maps.Keys(count)) {
		fmt.Printf(" %s %d", l, count[l])
	}
	fmt.Println()
	if bad {
		os.Exit(1)
	}
}

// A dependency is a module, and the folders of it whose packages are needed.
type dependency struct {
	root    string
	folders map[string]bool
}

// needed lists the modules behind a module's packages and tests.
func needed(dir string) (map[string]dependency, error) {
	result := make(map[string]dependency)
	for _, system := range systems {
		cmd := exec.Command("go", "list", "-deps", "-test", "-json=Dir,Module,Standard", "./...")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", system, err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(out)))
		for {
			var p struct {
				Dir      string
				Standard bool
				Module   *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Standard || p.Module == nil || p.Module.Main {
				continue
			}
			name := p.Module.Path + " " + p.Module.Version
			if result[name].folders == nil {
				result[name] = dependency{p.Module.Dir, make(map[string]bool)}
			}
			result[name].folders[p.Dir] = true
		}
	}
	return result, nil
}

// judge returns the licences of a module, or what is wrong with them. Beside
// the one at the top, those count that stand in the folders of the packages
// needed, or above them.
func judge(d dependency) ([]string, error) {
	files := make(map[string]bool)
	for folder := range d.folders {
		for ; len(folder) >= len(d.root); folder = filepath.Dir(folder) {
			for _, file := range licenceFiles(folder) {
				files[file] = true
			}
		}
	}
	if len(licenceFiles(d.root)) == 0 {
		return nil, errors.New("has no file with a licence")
	}
	found := make(map[string]bool)
	for file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		in := filepath.Base(file)
		c := licensecheck.Scan(text)
		if c.Percent < atLeast {
			return nil, fmt.Errorf("%s is no licence known here: %.0f %% of it is known text", in, c.Percent)
		}
		for _, m := range c.Match {
			if !slices.Contains(allowed, m.ID) {
				return nil, fmt.Errorf("%s has the licence %s, which is not allowed", in, m.ID)
			}
			found[m.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// licenceFiles lists a folder's licences.
func licenceFiles(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var result []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		name, _, _ = strings.Cut(name, ".")
		name, _, _ = strings.Cut(name, "-")
		if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), ".go") && slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "UNLICENSE"}, name) {
			result = append(result, filepath.Join(folder, e.Name()))
		}
	}
	return result
}
