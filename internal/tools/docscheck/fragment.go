package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"
)

// A fragment is a block made into a file.
type fragment struct {
	block
	whole bool // a program or file, as it stands
	file  *ast.File
}

// defaults are what every fragment may use undeclared; a page's own
// declarations of the same names go first.
const defaults = `
var ctx context.Context
var err error
var r *secrets.Resolver
var t *testing.T
`

// shape says how a fragment's statements are put into a function.
var shapes = []string{"func _() error {", "func _() {"}

// fragments returns the files that a block may be, the likeliest first. More
// than one: the first that type-checks counts.
func fragments(fset *token.FileSet, b block) ([]fragment, error) {
	code, err := fill(b.code)
	if err != nil {
		return nil, err
	}
	at := func(line int, text string) string { return fmt.Sprintf("//line %s:%d\n%s\n", b.page, line, text) }
	if firstToken(code) == token.PACKAGE {
		file, err := parser.ParseFile(fset, b.page, at(b.line, code), parser.SkipObjectResolution)
		return []fragment{{b, true, file}}, tell(err)
	}

	// Declarations, if they parse as such.
	if file, err := parser.ParseFile(fset, b.page, "package p\n"+at(b.line, code), parser.SkipObjectResolution); err == nil {
		err := declare(fset, file, b)
		return []fragment{{b, false, file}}, err
	}

	// Imports, if any, and statements.
	imports, rest, line := split(code)
	var result []fragment
	for _, shape := range shapes {
		text := "package p\n" + at(b.line, imports) + shape + "\n" + at(b.line+line, rest) + "panic(0)\n}\n"
		file, err := parser.ParseFile(fset, b.page, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, tell(err)
		}
		if err := declare(fset, file, b); err != nil {
			return nil, err
		}
		result = append(result, fragment{b, false, file})
	}
	return result, nil
}

// tell shortens a parser's error to its first.
func tell(err error) error {
	var list scanner.ErrorList
	if errors.As(err, &list) {
		return list[0]
	}
	return err
}

// fill puts a statement in the place of each "…" outside texts and comments.
func fill(code string) (string, error) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(code))
	s.Init(file, []byte(code), func(token.Position, string) {}, 0)
	var b strings.Builder
	from := 0
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.ILLEGAL && lit == "…" {
			at := file.Offset(pos)
			b.WriteString(code[from:at])
			b.WriteString("panic(0)")
			from = at + len(lit)
		}
	}
	b.WriteString(code[from:])
	return b.String(), nil
}

// firstToken returns what the code starts with, comments aside.
func firstToken(code string) token.Token {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(code)), []byte(code), func(token.Position, string) {}, 0)
	_, tok, _ := s.Scan()
	return tok
}

// split parts the imports that a fragment starts with from the rest, and
// counts their lines.
func split(code string) (imports, rest string, lines int) {
	const head = "package p\n"
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", head+code, parser.ImportsOnly)
	if err != nil || len(file.Decls) == 0 {
		return "", code, 0
	}
	end := fset.PositionFor(file.Decls[len(file.Decls)-1].End(), false)
	cut := end.Offset - len(head)
	return code[:cut], strings.TrimPrefix(code[cut:], "\n"), end.Line - 1
}

// declare adds to a fragment's file what its page and the defaults declare,
// except what it declares itself.
func declare(fset *token.FileSet, file *ast.File, b block) error {
	taken := make(map[string]bool)
	for _, d := range file.Decls {
		for _, name := range names(d) {
			taken[name] = true
		}
	}
	for i := len(b.prelude) - 1; i >= 0; i-- { // the latest of a name counts
		p := b.prelude[i]
		text := fmt.Sprintf("package p\n//line %s:%d\n%s", b.page, p.line, p.code)
		if err := add(fset, file, taken, text); err != nil {
			return err
		}
	}
	return add(fset, file, taken, "package p\n//line defaults:1"+defaults)
}

// add appends the declarations of a text whose names are still free.
func add(fset *token.FileSet, file *ast.File, taken map[string]bool, text string) error {
	from, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return tell(err)
	}
	var imports, others []ast.Decl
	for _, d := range from.Decls {
		free := true
		for _, name := range names(d) {
			free = free && !taken[name]
			taken[name] = true
		}
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			imports = append(imports, d)
		} else if free {
			others = append(others, d)
		}
	}
	file.Decls = append(imports, append(file.Decls, others...)...)
	return nil
}

// names lists what a declaration declares in its package.
func names(d ast.Decl) []string {
	var result []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name != "_" {
			result = append(result, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				result = append(result, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					result = append(result, n.Name)
				}
			}
		}
	}
	return result
}
