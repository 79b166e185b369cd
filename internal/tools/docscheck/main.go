// Command docscheck checks the Markdown pages of the repository: every link
// inside it resolves, in Markdown and in HTML, every link by reference is
// defined, every Go block compiles, and every page of docs/ can be reached from
// README.md.
//
//	docscheck [-v] [PAGE…]
//
// It runs in the repository's top; without pages it takes all that Git knows.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	verbose := flag.Bool("v", false, "name every block that is not compiled")
	flag.Parse()
	faults, err := run(flag.Args(), *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "docscheck:", err)
		os.Exit(2)
	}
	for _, f := range faults {
		fmt.Println(f)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// A fault is something wrong in a page, at a line of it.
type fault struct {
	page string
	line int
	text string
}

// String gives the form that editors follow.
func (f fault) String() string { return fmt.Sprintf("%s:%d: %s", f.page, f.line, f.text) }

// run checks the pages and prints what was counted.
func run(names []string, verbose bool) ([]fault, error) {
	if len(names) == 0 {
		var err error
		if names, err = tracked(); err != nil {
			return nil, err
		}
	}
	pages := make(map[string]*page)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		pages[filepath.ToSlash(name)] = parse(filepath.ToSlash(name), text)
	}

	l := links{root: ".", pages: pages}
	faults := l.check()
	if len(flag.Args()) == 0 {
		faults = append(faults, unreachable(pages)...)
	}

	var blocks []block
	ignored := 0
	for _, name := range sorted(pages) {
		p := pages[name]
		faults = append(faults, p.faults...)
		for _, b := range p.blocks {
			if b.ignored {
				ignored++
				if verbose {
					fmt.Printf("%s:%d: not compiled\n", b.page, b.line)
				}
				continue
			}
			blocks = append(blocks, b)
		}
	}
	broken, err := compile(blocks)
	if err != nil {
		return nil, err
	}
	faults = append(faults, broken...)
	fmt.Printf("%d pages: %d links inside the repository, %d to elsewhere (not followed), %d Go blocks compiled, %d marked as ignored\n",
		len(pages), l.inside, l.outside, len(blocks), ignored)
	slices.SortStableFunc(faults, func(a, b fault) int {
		if c := strings.Compare(a.page, b.page); c != 0 {
			return c
		}
		return a.line - b.line
	})
	return faults, nil
}

// tracked names the Markdown files that Git knows or would add.
func tracked() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	names := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		_, err := os.Stat(name)
		return err != nil // deleted, and not committed yet
	})
	if len(names) == 0 {
		return nil, errors.New("git ls-files names no page here")
	}
	return names, nil
}
