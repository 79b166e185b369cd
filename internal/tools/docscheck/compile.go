package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// compile type-checks the blocks, each as a package of its own.
func compile(blocks []block) ([]fault, error) {
	fset := token.NewFileSet()
	var faults []fault
	var all [][]fragment
	for _, b := range blocks {
		fs, err := fragments(fset, b)
		if err != nil {
			faults = append(faults, fault{b.page, b.line, "a Go block does not parse: " + err.Error()})
			continue
		}
		all = append(all, fs)
	}

	var wanted []string
	for _, fs := range all {
		for _, i := range fs[0].file.Decls {
			if g, ok := i.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				for _, s := range g.Specs {
					p, _ := strconv.Unquote(s.(*ast.ImportSpec).Path.Value)
					wanted = append(wanted, p)
				}
			}
		}
	}
	u, err := newUniverse(fset, wanted)
	if err != nil {
		return nil, err
	}
	for _, fs := range all {
		var first []fault
		for i, f := range fs {
			broken := u.check(fset, f)
			if i == 0 {
				first = broken
			}
			if len(broken) == 0 {
				first = nil
				break
			}
		}
		faults = append(faults, first...)
	}
	return faults, nil
}

// check type-checks a fragment.
func (u *universe) check(fset *token.FileSet, f fragment) []fault {
	var faults []fault
	if !f.whole {
		u.complete(f.file)
	}
	seen := make(map[string]bool)
	conf := types.Config{
		Importer: u,
		Sizes:    types.SizesFor("gc", runtime.GOARCH),
		Error: func(err error) {
			var e types.Error
			if !errors.As(err, &e) {
				faults = append(faults, fault{f.page, f.line, err.Error()})
				return
			}
			// A fragment shows how a value is made, and leaves its use to the
			// reader.
			if !f.whole && e.Soft && (strings.HasPrefix(e.Msg, "declared and not used") || strings.HasSuffix(e.Msg, "imported and not used")) {
				return
			}
			at := fset.Position(e.Pos)
			line := at.Line
			if at.Filename != f.page { // what was put around the block
				line = f.line
			}
			if text := fmt.Sprintf("%d %s", line, e.Msg); !seen[text] {
				seen[text] = true
				faults = append(faults, fault{f.page, line, "a Go block does not compile: " + e.Msg})
			}
		},
	}
	_, _ = conf.Check("p", fset, []*ast.File{f.file}, nil) // what is wrong went to Error
	return faults
}

// complete adds the imports that a fragment leaves out: for each name before a
// dot which nothing declares, the first package of that name that exports
// everything asked of it.
func (u *universe) complete(file *ast.File) {
	declared := make(map[string]bool)
	for _, d := range file.Decls {
		for _, n := range names(d) {
			declared[n] = true
		}
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			for _, s := range g.Specs {
				s := s.(*ast.ImportSpec)
				p, _ := strconv.Unquote(s.Path.Value)
				name := u.name(p)
				if s.Name != nil {
					name = s.Name.Name
				}
				declared[name] = true
			}
		}
	}
	asked := make(map[string]map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && !declared[x.Name] && s.Sel.IsExported() {
				if asked[x.Name] == nil {
					asked[x.Name] = make(map[string]bool)
				}
				asked[x.Name][s.Sel.Name] = true
			}
		}
		return true
	})
	var specs []ast.Spec
	for _, name := range sorted(asked) {
		if p := u.find(name, asked[name]); p != "" {
			specs = append(specs, &ast.ImportSpec{
				Name: ast.NewIdent(name),
				Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(p)},
			})
		}
	}
	if len(specs) > 0 {
		file.Decls = append([]ast.Decl{&ast.GenDecl{Tok: token.IMPORT, Lparen: 1, Specs: specs}}, file.Decls...)
	}
	for _, d := range file.Decls { // the type checker reads this list, too
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			for _, s := range g.Specs {
				file.Imports = append(file.Imports, s.(*ast.ImportSpec))
			}
		}
	}
}

// name gives the name of a package.
func (u *universe) name(p string) string {
	if n, ok := u.names[p]; ok {
		return n
	}
	return path.Base(p)
}
