// Command apicheck holds the exported names of the module against what is
// promised: the listing in api, and the last release.
//
//	apicheck [-w]
//
// The listing has a line for each exported name, with its type, and a file for
// each package. A difference is a failure, so that no change of the API goes
// unseen in a review; -w writes it anew, once the change is meant. Against the
// last release, the latest v* tag in the history, an incompatible change is a
// failure unless api/except.txt has its line. It runs in the repository's top.
package main

import (
	"flag"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

const (
	module   = "github.com/go-secrets/secrets"
	listings = "api"
)

func main() {
	write := flag.Bool("w", false, "write the listing in "+listings)
	flag.Parse()
	complaints, err := run(*write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "apicheck:", err)
		os.Exit(2)
	}
	for _, c := range complaints {
		fmt.Println(c)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
}

// run returns what is not as promised.
func run(write bool) ([]string, error) {
	now, err := load(".")
	if err != nil {
		return nil, err
	}
	listing := make(map[string][]string)
	lines := 0
	for path, pkg := range now {
		listing[fileOf(path)] = list(pkg)
		lines += len(listing[fileOf(path)])
	}
	if write {
		return nil, save(listings, listing)
	}
	complaints, err := compare(listings, listing)
	if err != nil {
		return nil, err
	}
	fmt.Printf("%d lines for the exported names of %d packages held against the listing in %s\n", lines, len(now), listings)

	tag, err := lastRelease()
	if err != nil {
		return nil, err
	}
	if tag == "" {
		fmt.Printf("SKIPPED comparison with the last release: there is no v* tag in the history, so the listing in %s alone was held against the code\n", listings)
		return complaints, nil
	}
	broken, err := since(tag, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tag, err)
	}
	return append(complaints, broken...), nil
}

// load type-checks the packages below a folder that users can import.
func load(dir string) (map[string]*types.Package, error) {
	config := &packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedExportFile,
		Dir:  dir,
		Fset: token.NewFileSet(),
	}
	roots, err := packages.Load(config, "./...")
	if err != nil {
		return nil, err
	}
	result := make(map[string]*types.Package)
	for _, p := range roots {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		if public(p.PkgPath) && p.Name != "main" {
			result[p.PkgPath] = p.Types
		}
	}
	return result, nil
}

// public reports whether a package is part of the API.
func public(path string) bool {
	parts := strings.Split(strings.TrimPrefix(path, module), "/")
	return !slices.Contains(parts, "internal") && !slices.Contains(parts, "examples")
}

// fileOf names the file of a package's listing.
func fileOf(path string) string {
	rest := strings.Trim(strings.TrimPrefix(path, module), "/")
	if rest == "" {
		rest = "secrets"
	}
	return strings.ReplaceAll(rest, "/", ".") + ".txt"
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
