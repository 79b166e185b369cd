package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A mutant is one change of the program.
type mutant struct {
	id       int
	file     string
	place    string // file:line, for people
	function string
	text     string // the expression, on one line
	change   string
	nth      int // of the same name in its function, from 1
}

// name tells a mutant apart from all others, without the lines of the file, so
// that it stays what it is when other things change.
func (m *mutant) name() string {
	name := fmt.Sprintf("%s: %s: %s", m.function, m.text, m.change)
	if m.nth > 1 {
		name += fmt.Sprintf(" (%d)", m.nth)
	}
	return name
}

// A program is a package with all its mutants in it.
type program struct {
	dir     string
	name    string
	files   map[string][]byte // the changed files, by path
	mutants []*mutant
	aliases map[string]*types.Named // of types of other packages, which a file may not import
}

// load reads the package in dir, and puts mutants into the files named, or into
// all of them.
func load(dir string, names []string) (*program, error) {
	config := &packages.Config{Dir: dir, Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps}
	found, err := packages.Load(config, ".")
	if err != nil {
		return nil, err
	}
	pkg := found[0]
	if len(pkg.Errors) > 0 {
		return nil, pkg.Errors[0]
	}
	p := &program{dir: dir, name: pkg.Name, files: make(map[string][]byte), aliases: make(map[string]*types.Named)}
	wanted := make(map[string]bool)
	for _, name := range names {
		wanted[name] = true
	}
	for _, syntax := range pkg.Syntax {
		path := pkg.Fset.File(syntax.Pos()).Name()
		base := filepath.Base(path)
		if len(names) > 0 && !wanted[base] {
			continue
		}
		delete(wanted, base)
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m := &mutator{program: p, pkg: pkg, source: source, file: base, seen: make(map[string]int), edits: make(map[ast.Node]func() string)}
		for _, decl := range syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				m.function = functionName(f)
				m.find(f.Body)
			}
		}
		p.files[path] = []byte(m.render(syntax))
	}
	for name := range wanted {
		return nil, fmt.Errorf("the package has no file %s", name)
	}
	p.files[filepath.Join(filepath.Dir(pkg.GoFiles[0]), "mutate_switch.go")] = p.theSwitch()
	return p, nil
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	return fmt.Sprintf("(%s).%s", types.ExprString(f.Recv.List[0].Type), f.Name.Name)
}

// A mutator puts mutants into one file. It notes how nodes are to be written
// anew, and then writes the file.
type mutator struct {
	program  *program
	pkg      *packages.Package
	source   []byte
	file     string
	function string
	seen     map[string]int // names so far
	edits    map[ast.Node]func() string
}

// mutant notes a new mutant, of the text of a node, and returns its number.
func (m *mutator) mutant(n ast.Node, change string) int {
	position := m.pkg.Fset.Position(n.Pos())
	one := &mutant{
		id: len(m.program.mutants) + 1, file: m.file, place: fmt.Sprintf("%s:%d", m.file, position.Line),
		function: m.function, text: m.oneLine(n), change: change,
	}
	one.nth = 1
	m.seen[one.name()]++
	one.nth = m.seen[one.name()]
	m.program.mutants = append(m.program.mutants, one)
	return one.id
}

// oneLine returns the source of a node without line breaks, cut where it is
// long.
func (m *mutator) oneLine(n ast.Node) string {
	const most = 100
	text := strings.Join(strings.Fields(string(m.source[m.offset(n.Pos()):m.offset(n.End())])), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

func (m *mutator) offset(p token.Pos) int { return m.pkg.Fset.Position(p).Offset }

// render returns the source of a node with all edits in it.
func (m *mutator) render(n ast.Node) string {
	if edit := m.edits[n]; edit != nil {
		return edit()
	}
	return m.inside(n)
}

// inside returns the source of a node with the edits of what is in it.
func (m *mutator) inside(n ast.Node) string {
	var out strings.Builder
	from, to := n.Pos(), n.End()
	if f, ok := n.(*ast.File); ok {
		from, to = f.FileStart, f.FileEnd
	}
	at := m.offset(from)
	var edited []ast.Node
	ast.Inspect(n, func(inner ast.Node) bool {
		if inner == nil || inner == n {
			return true
		}
		if m.edits[inner] != nil {
			edited = append(edited, inner)
			return false
		}
		return true
	})
	slices.SortFunc(edited, func(a, b ast.Node) int { return int(a.Pos() - b.Pos()) })
	for _, inner := range edited {
		out.Write(m.source[at:m.offset(inner.Pos())])
		out.WriteString(m.render(inner))
		at = m.offset(inner.End())
	}
	out.Write(m.source[at:m.offset(to)])
	return out.String()
}

// theSwitch is the file that says which mutant is in force, and notes which
// were reached.
func (p *program) theSwitch() []byte {
	imports := map[string]bool{"cmp": true, "os": true, "strconv": true, "sync/atomic": true}
	var aliases strings.Builder
	for _, alias := range slices.Sorted(maps.Keys(p.aliases)) {
		object := p.aliases[alias].Obj()
		imports[object.Pkg().Path()] = true
		fmt.Fprintf(&aliases, "type %s = %s.%s\n", alias, object.Pkg().Name(), object.Name())
	}
	return fmt.Appendf(nil, `package %s

import (
	"%s"
)

%s

var mutateID, _ = strconv.Atoi(os.Getenv("MUTATE_ID"))

var mutateReached = func() *os.File {
	if name := os.Getenv("MUTATE_REACHED"); name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			panic(err)
		}
		return f
	}
	return nil
}()

var mutateSeen [%d]atomic.Bool

// mutateOn reports whether a mutant is in force.
func mutateOn(id int) bool {
	if mutateReached != nil && !mutateSeen[id].Swap(true) {
		_, _ = mutateReached.WriteString(strconv.Itoa(id) + "\n")
	}
	return mutateID == id
}

func mutatePick[T any](id int, original, mutated T) T {
	if mutateOn(id) {
		return mutated
	}
	return original
}

func mutateAnd(id int, x bool, y func() bool) bool {
	if mutateOn(id) {
		return x || y()
	}
	return x && y()
}

func mutateOr(id int, x bool, y func() bool) bool {
	if mutateOn(id) {
		return x && y()
	}
	return x || y()
}

func mutateMin[T cmp.Ordered](id int, first T, more ...T) T {
	if mutateOn(id) {
		return mutateMost(first, more, 1)
	}
	return mutateMost(first, more, -1)
}

func mutateMax[T cmp.Ordered](id int, first T, more ...T) T {
	if mutateOn(id) {
		return mutateMost(first, more, -1)
	}
	return mutateMost(first, more, 1)
}

func mutateMost[T cmp.Ordered](most T, more []T, sign int) T {
	for _, x := range more {
		if cmp.Compare(x, most) == sign {
			most = x
		}
	}
	return most
}
`, p.name, strings.Join(slices.Sorted(maps.Keys(imports)), "\"\n\t\""), aliases.String(), len(p.mutants)+1)
}
