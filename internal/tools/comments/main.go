// Command comments names the methods that users of a module can call and that
// have no comment, which revive passes over: those of exported interfaces, and
// String, Error, Write and the like of exported types.
//
//	comments [-mod DIR]
//
// A method promoted by an embedded type has its comment there.
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	dir := flag.String("mod", ".", "the module to check")
	flag.Parse()
	found, err := check(*dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "comments:", err)
		os.Exit(2)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

// check returns the methods without a comment, each with its place. Tests are
// no part of a package here.
func check(dir string) (found []string, err error) {
	all, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes, Dir: dir}, "./...")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no packages", dir)
	}
	for _, p := range all {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		if !public(p) {
			continue
		}
		bare := func(name *ast.Ident, what string) {
			found = append(found, fmt.Sprintf("%s: %s.%s has no comment", p.Fset.Position(name.Pos()), what, name.Name))
		}
		for _, file := range p.Syntax {
			for _, decl := range file.Decls {
				switch decl := decl.(type) {
				case *ast.FuncDecl:
					if decl.Recv == nil || !decl.Name.IsExported() || decl.Doc.Text() != "" {
						continue
					}
					if of := receiver(decl.Recv.List[0].Type); ast.IsExported(of) {
						bare(decl.Name, of)
					}
				case *ast.GenDecl:
					for _, spec := range decl.Specs {
						eachMethod(spec, bare)
					}
				}
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// eachMethod calls bare with what has no comment of an exported interface.
func eachMethod(spec ast.Spec, bare func(name *ast.Ident, what string)) {
	declared, ok := spec.(*ast.TypeSpec)
	if !ok || !declared.Name.IsExported() {
		return
	}
	methods, ok := declared.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	for _, m := range methods.Methods.List {
		for _, name := range m.Names { // an embedded interface has none
			if name.IsExported() && m.Doc.Text() == "" && m.Comment.Text() == "" {
				bare(name, declared.Name.Name)
			}
		}
	}
}

// receiver names a method's type.
func receiver(of ast.Expr) string {
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.ParenExpr:
			of = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

// public reports whether users can import a package.
func public(p *packages.Package) bool {
	parts := strings.Split(p.PkgPath, "/")
	return p.Name != "main" && !slices.Contains(parts, "internal") && !slices.Contains(parts, "examples")
}
