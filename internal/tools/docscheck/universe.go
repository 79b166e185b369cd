package main

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A universe is what blocks can import, from the compiler's export data: the
// standard library, this module with its dependencies, and what the package
// peers imports.
type universe struct {
	types.Importer
	exports map[string]string   // import path → file
	names   map[string]string   // import path → package name
	byName  map[string][]string // package name → import paths, those to be preferred first
}

// newUniverse finds the packages. The paths are those that blocks import
// themselves.
func newUniverse(fset *token.FileSet, paths []string) (*universe, error) {
	u := &universe{
		exports: make(map[string]string),
		names:   make(map[string]string),
		byName:  make(map[string][]string),
	}
	tools := filepath.Join("internal", "tools")
	peers, err := imports(tools, "./docscheck/peers")
	if err != nil {
		return nil, err
	}
	// The order is that of preference, where a name stands for several.
	for _, from := range []struct {
		dir      string
		patterns []string
	}{
		{".", []string{"./..."}},
		{".", []string{"std"}},
		{".", shown},
		{tools, peers},
	} {
		if err := u.load(from.dir, from.patterns, true); err != nil {
			return nil, err
		}
	}
	var missing []string
	for _, p := range paths {
		if u.exports[p] == "" && !anybodys(p) && !slices.Contains(missing, p) {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		if err := u.load(".", missing, false); err != nil {
			return nil, err
		}
	}
	compiled := importer.ForCompiler(fset, "gc", func(p string) (io.ReadCloser, error) {
		file := u.exports[p]
		if file == "" {
			return nil, fmt.Errorf("no package %s is known here; docs of this check: CONTRIBUTING.md", p)
		}
		return os.Open(file)
	})
	u.Importer = imported{compiled}
	return u, nil
}

// imported imports, and takes what stands for a reader's own package as empty.
type imported struct{ types.Importer }

// Import implements [types.Importer].
func (i imported) Import(p string) (*types.Package, error) {
	if p == "unsafe" {
		return types.Unsafe, nil
	}
	if anybodys(p) {
		empty := types.NewPackage(p, "example")
		empty.MarkComplete()
		return empty, nil
	}
	return i.Importer.Import(p)
}

// anybodys reports whether an import path stands for a package of the reader's.
func anybodys(p string) bool { return strings.HasPrefix(p, "example.com/") }

// load compiles packages, and keeps where their export data is. What was
// loaded before stays, so that there is one version of each package.
func (u *universe) load(dir string, patterns []string, strict bool) error {
	config := &packages.Config{
		Mode: packages.NeedName | packages.NeedExportFile | packages.NeedImports | packages.NeedDeps,
		Dir:  dir,
	}
	roots, err := packages.Load(config, patterns...)
	if err != nil {
		return err
	}
	var first error
	packages.Visit(roots, nil, func(p *packages.Package) {
		if len(p.Errors) > 0 && first == nil {
			first = fmt.Errorf("%s: %s", p.PkgPath, p.Errors[0].Msg)
		}
		if u.exports[p.PkgPath] == "" {
			u.exports[p.PkgPath], u.names[p.PkgPath] = p.ExportFile, p.Name
		}
	})
	if first != nil && strict {
		return first
	}
	for _, p := range roots {
		if p.Name == "main" || hidden(p.PkgPath) {
			continue
		}
		if !slices.Contains(u.byName[p.Name], p.PkgPath) {
			u.byName[p.Name] = append(u.byName[p.Name], p.PkgPath)
		}
	}
	return nil
}

// hidden reports whether a package can't be imported by those who read the
// pages.
func hidden(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool { return part == "internal" || part == "vendor" })
}

// find returns the first package of a name that exports all of the symbols.
func (u *universe) find(name string, symbols map[string]bool) string {
	for _, p := range u.byName[name] {
		pkg, err := u.Import(p)
		if err != nil {
			continue
		}
		all := true
		for s := range symbols {
			all = all && pkg.Scope().Lookup(s) != nil
		}
		if all {
			return p
		}
	}
	if paths := u.byName[name]; len(paths) > 0 {
		return paths[0] // so that the error names what it does not export
	}
	return ""
}

// shown are packages of other modules that the pages use together with this
// one; the main module requires them.
var shown = []string{
	"github.com/aws/aws-sdk-go-v2/aws",
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager",
	"github.com/stretchr/testify/assert",
	"github.com/stretchr/testify/require",
}

// imports lists what a package imports.
func imports(dir, pattern string) ([]string, error) {
	cmd := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, pattern)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pattern, err)
	}
	return strings.Fields(string(out)), nil
}
