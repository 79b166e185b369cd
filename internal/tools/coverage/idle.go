package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// idleTests names the tests of packages that assert nothing, each with its
// place: the functions that go test runs, and every function of a *testing.T
// alone, as t.Run takes them.
func idleTests(dir string, all []string) ([]string, error) {
	config := &packages.Config{
		Dir: dir, Tests: true,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
	}
	found, err := packages.Load(config, all...)
	if err != nil {
		return nil, err
	}
	a := &asserts{declared: map[string]*function{}}
	for _, p := range found {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		a.add(p)
	}
	return a.idle(), nil
}

// asserts knows which functions of the tests assert something.
type asserts struct {
	declared map[string]*function // by full name, for a package is loaded twice with its tests
	tests    []*function
}

// A function is one of the tests' own.
type function struct {
	name  string
	place token.Position
	body  ast.Node
	info  *types.Info
	state int // of whether it asserts
}

const (
	unknown = iota
	asked   // and so, if it calls itself, not known to
	does
	doesNot
)

func (a *asserts) add(p *packages.Package) {
	for _, file := range p.Syntax {
		if !isOfTests(file) {
			continue
		}
		for _, decl := range file.Decls {
			decl, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			f := &function{decl.Name.Name, p.Fset.Position(decl.Pos()), decl.Body, p.TypesInfo, unknown}
			object := p.TypesInfo.Defs[decl.Name].(*types.Func)
			a.declared[object.FullName()] = f
			if decl.Recv == nil && isTest(object) {
				a.tests = append(a.tests, f)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncLit); ok && isSubtest(p.TypesInfo.TypeOf(f)) {
				a.tests = append(a.tests, &function{"a subtest", p.Fset.Position(f.Pos()), f.Body, p.TypesInfo, unknown})
			}
			return true
		})
	}
}

// isOfTests reports whether a file holds tests, or what they share.
func isOfTests(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` })
}

// isTest reports whether go test runs a function, and not for its output or
// its time.
func isTest(f *types.Func) bool {
	return f.Name() != "TestMain" && (strings.HasPrefix(f.Name(), "Test") || strings.HasPrefix(f.Name(), "Fuzz")) &&
		f.Signature().Params().Len() == 1 && isTesting(f.Signature().Params().At(0).Type())
}

// isSubtest reports whether a function takes a *testing.T, and nothing more.
func isSubtest(t types.Type) bool {
	s, ok := t.(*types.Signature)
	return ok && s.Results().Len() == 0 && s.Params().Len() == 1 && s.Params().At(0).Type().String() == "*testing.T"
}

func isTesting(t types.Type) bool {
	switch t.String() {
	case "*testing.T", "*testing.F", "*testing.B", "testing.TB":
		return true
	}
	return false
}

func (a *asserts) idle() (idle []string) {
	for _, f := range a.tests {
		if !a.does(f) {
			idle = append(idle, fmt.Sprintf("%s:%d: %s", f.place.Filename, f.place.Line, f.name))
		}
	}
	slices.Sort(idle)
	return slices.Compact(idle)
}

// does reports whether a function can fail the test that calls it.
func (a *asserts) does(f *function) bool {
	if f.state != unknown {
		return f.state == does
	}
	f.state = asked
	asserts := false
	ast.Inspect(f.body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if ok && !asserts {
			switch used := f.info.Uses[id].(type) {
			case *types.Func:
				asserts = a.fails(used)
			case *types.Var: // a subtest that it was given: that is looked at where it stands
				asserts = isSubtest(used.Type())
			}
		}
		return !asserts
	})
	f.state = doesNot
	if asserts {
		f.state = does
	}
	return asserts
}

// failing are the methods that fail a test.
var failing = []string{"Error", "Errorf", "Fail", "FailNow", "Fatal", "Fatalf"}

// fails reports whether a function can fail a test: an assertion, or one of
// the tests' own that makes one.
func (a *asserts) fails(f *types.Func) bool {
	if own := a.declared[f.FullName()]; own != nil {
		return a.does(own)
	}
	if f.Pkg() == nil {
		return false
	}
	switch f.Pkg().Path() {
	case "testing":
		return slices.Contains(failing, f.Name())
	case "github.com/stretchr/testify/assert", "github.com/stretchr/testify/require":
		return true
	}
	return strings.HasPrefix(f.Name(), "Assert") // of a package made for tests
}
