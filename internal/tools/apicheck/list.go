package main

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// list gives a line for each exported name of a package, in the order of the
// alphabet, and one for the package, which may be there to be imported only.
func list(pkg *types.Package) []string {
	l := lister{pkg: pkg}
	l.add("package %s", pkg.Name())
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		if obj := scope.Lookup(name); obj.Exported() {
			l.object(obj)
		}
	}
	slices.Sort(l.lines)
	return l.lines
}

type lister struct {
	pkg   *types.Package
	lines []string
}

func (l *lister) add(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// object lists a name, and what hangs on it.
func (l *lister) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		l.add("const %s %s = %s", obj.Name(), l.typ(obj.Type()), obj.Val().ExactString())
	case *types.Var:
		l.add("var %s %s", obj.Name(), l.typ(obj.Type()))
	case *types.Func:
		l.add("func %s%s", obj.Name(), l.signature(obj.Signature()))
	case *types.TypeName:
		if obj.IsAlias() {
			l.add("type %s = %s", obj.Name(), l.typ(types.Unalias(obj.Type())))
			return
		}
		l.named(obj.Type().(*types.Named))
	}
}

// named lists a type, its fields and its methods.
func (l *lister) named(t *types.Named) {
	name := t.Obj().Name() + l.parameters(t.TypeParams())
	switch u := t.Underlying().(type) {
	case *types.Struct:
		l.structure(name, t, u)
	case *types.Interface:
		l.interfaces(name, u)
		return // its methods are listed
	default:
		l.add("type %s %s", name, l.typ(u))
	}
	methods := types.NewMethodSet(types.NewPointer(t))
	values := types.NewMethodSet(t)
	for m := range methods.Methods() {
		fn := m.Obj().(*types.Func)
		if !fn.Exported() {
			continue
		}
		receiver := "*" + t.Obj().Name()
		if values.Lookup(fn.Pkg(), fn.Name()) != nil {
			receiver = t.Obj().Name()
		}
		l.add("method (%s) %s%s", receiver, fn.Name(), l.signature(m.Type().(*types.Signature)))
	}
}

// structure lists a struct type. Whether it can be compared, and whether all
// of its fields are exported, is something that code may rely on.
func (l *lister) structure(name string, t *types.Named, s *types.Struct) {
	head := "type " + name + " struct"
	hidden := false
	for f := range s.Fields() {
		hidden = hidden || !f.Exported()
	}
	if hidden {
		head += ", with unexported fields"
	}
	if !types.Comparable(t) {
		head += ", not comparable"
	}
	l.add("%s", head)
	for i := range s.NumFields() {
		f := s.Field(i)
		if !f.Exported() {
			continue
		}
		what := f.Name() + " " + l.typ(f.Type())
		if f.Embedded() {
			what = "embedded " + l.typ(f.Type())
		}
		if tag := s.Tag(i); tag != "" {
			what += " `" + tag + "`"
		}
		l.add("field %s.%s", name, what)
	}
}

// interfaces lists an interface type. All of its methods are in one line, too,
// for one more breaks whoever implements it.
func (l *lister) interfaces(name string, i *types.Interface) {
	var methods []string
	for m := range i.Methods() {
		if !m.Exported() {
			methods = append(methods, "unexported methods")
			continue
		}
		methods = append(methods, m.Name())
		l.add("method (%s) %s%s", name, m.Name(), l.signature(m.Signature()))
	}
	if !i.IsMethodSet() {
		methods = append(methods, l.typ(i))
	}
	slices.Sort(methods)
	l.add("type %s interface { %s }", name, strings.Join(slices.Compact(methods), ", "))
}

// signature writes a function's type without the names of its parameters,
// which nobody's code depends on.
func (l *lister) signature(s *types.Signature) string {
	bare := func(t *types.Tuple) *types.Tuple {
		var vars []*types.Var
		for v := range t.Variables() {
			vars = append(vars, types.NewParam(0, nil, "", v.Type()))
		}
		return types.NewTuple(vars...)
	}
	text := l.typ(types.NewSignatureType(nil, nil, nil, bare(s.Params()), bare(s.Results()), s.Variadic()))
	return l.parameters(s.TypeParams()) + strings.TrimPrefix(text, "func")
}

// parameters writes a list of type parameters.
func (l *lister) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var all []string
	for p := range list.TypeParams() {
		all = append(all, p.Obj().Name()+" "+l.typ(p.Constraint()))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// typ writes a type, with the whole paths of other packages.
func (l *lister) typ(t types.Type) string {
	return types.TypeString(t, types.RelativeTo(l.pkg))
}
