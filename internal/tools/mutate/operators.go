package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// comparisons are what a comparison is changed to: its bound moved, and its
// sense turned round.
var comparisons = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ},
	token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ},
	token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ},
	token.NEQ: {token.EQL},
}

// arithmetic is what an operator of numbers is changed to.
var arithmetic = map[token.Token]token.Token{
	token.ADD: token.SUB, token.SUB: token.ADD,
	token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.SHL: token.SHR, token.SHR: token.SHL,
	token.AND: token.OR, token.OR: token.AND,
}

// classes are what an error is changed to; any other becomes of another class,
// too.
var classes = map[string]string{
	"ErrNotFound": "ErrPermission", "ErrPermission": "ErrNotFound", "ErrUnauthenticated": "ErrPermission",
	"ErrUnavailable": "ErrThrottled", "ErrThrottled": "ErrUnavailable", "ErrInvalid": "ErrNotFound",
	"ErrClosed": "ErrUnavailable", "errAbandoned": "ErrClosed", "errPanic": "ErrUnavailable",
	"errors.ErrUnsupported": "ErrNotFound", "context.DeadlineExceeded": "ErrThrottled",
	"invalid": "notFound", "notFound": "invalid",
}

// find notes the mutants of a function.
func (m *mutator) find(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok == token.VAR // constants have to stay constant
		case *ast.ArrayType, *ast.IndexListExpr:
			return false
		case *ast.CaseClause, *ast.BasicLit, *ast.Ident, *ast.SelectorExpr:
			if e, ok := n.(ast.Expr); ok {
				m.leaf(e)
			}
		case *ast.BinaryExpr:
			m.binary(n)
		case *ast.UnaryExpr:
			if v := m.constant(n); n.Op == token.SUB && v != nil && m.is(n, types.IsNumeric) {
				m.number(n, v) // what the sign belongs to has no type of its own
				return false
			}
			if n.Op == token.NOT {
				id := m.mutant(n, "without !")
				m.edits[n] = func() string { return fmt.Sprintf("((%s) != !mutateOn(%d))", m.render(n.X), id) }
			}
		case *ast.IfStmt:
			m.condition(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				m.condition(n.Cond)
			}
		case *ast.SwitchStmt:
			if n.Tag == nil {
				for _, clause := range n.Body.List {
					for _, e := range clause.(*ast.CaseClause).List {
						m.condition(e)
					}
				}
			}
		case *ast.CallExpr:
			m.call(n)
		case *ast.IncDecStmt:
			m.incDec(n)
		case *ast.AssignStmt:
			m.assign(n)
		}
		return true
	})
}

// typeOf returns the type of an expression as it can be written in any file of
// the package, whatever that imports.
func (m *mutator) typeOf(e ast.Expr) string {
	t := types.Default(m.pkg.TypesInfo.TypeOf(e))
	n, ok := t.(*types.Named)
	if !ok || n.Obj().Pkg() == m.pkg.Types {
		return types.TypeString(t, types.RelativeTo(m.pkg.Types))
	}
	alias := "mutate_" + n.Obj().Pkg().Name() + "_" + n.Obj().Name()
	m.program.aliases[alias] = n
	return alias
}

func (m *mutator) constant(e ast.Expr) constant.Value { return m.pkg.TypesInfo.Types[e].Value }

func (m *mutator) is(e ast.Expr, info types.BasicInfo) bool {
	t := m.pkg.TypesInfo.TypeOf(e)
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&info != 0
}

// binary changes an operator.
func (m *mutator) binary(n *ast.BinaryExpr) {
	if m.constant(n) != nil {
		return
	}
	switch n.Op {
	case token.LAND, token.LOR:
		name, to := "mutateAnd", token.LOR
		if n.Op == token.LOR {
			name, to = "mutateOr", token.LAND
		}
		id := m.mutant(n, fmt.Sprintf("%s → %s", n.Op, to))
		m.edits[n] = func() string {
			return fmt.Sprintf("%s(%d, %s, func() bool { return %s })", name, id, m.render(n.X), m.render(n.Y))
		}
		m.condition(n.X)
		m.condition(n.Y)
		return
	}
	if ops := comparisons[n.Op]; ops != nil {
		var ids []int
		for _, op := range ops {
			ids = append(ids, m.mutant(n, fmt.Sprintf("%s → %s", n.Op, op)))
		}
		m.edits[n] = func() string {
			x, y := m.render(n.X), m.render(n.Y)
			var cases strings.Builder
			for i, op := range ops {
				fmt.Fprintf(&cases, "if mutateOn(%d) { return (%s) %s (%s) }; ", ids[i], x, op, y)
			}
			return fmt.Sprintf("func() bool { %sreturn (%s) %s (%s) }()", cases.String(), x, n.Op, y)
		}
		return
	}
	if to, ok := arithmetic[n.Op]; ok && m.is(n, types.IsNumeric) {
		id := m.mutant(n, fmt.Sprintf("%s → %s", n.Op, to))
		t := m.typeOf(n)
		m.edits[n] = func() string {
			x, y := m.render(n.X), m.render(n.Y)
			return fmt.Sprintf("func() %s { if mutateOn(%d) { return (%s) %s (%s) }; return (%s) %s (%s) }()", t, id, x, to, y, x, n.Op, y)
		}
	}
}

// condition negates what decides, where no operator of its own does.
func (m *mutator) condition(e ast.Expr) {
	switch inner := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		return
	case *ast.UnaryExpr:
		if inner.Op == token.NOT {
			return
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.CallExpr:
	default:
		return
	}
	if m.edits[e] != nil || m.constant(e) != nil {
		return
	}
	id := m.mutant(e, "negated")
	m.edits[e] = func() string { return fmt.Sprintf("((%s) != mutateOn(%d))", m.inside(e), id) }
}

// leaf changes a boolean, a number, a named constant or an error.
func (m *mutator) leaf(e ast.Expr) {
	if m.edits[e] != nil {
		return
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if v := m.constant(e); v != nil && m.is(e, types.IsNumeric) {
			m.number(e, v)
		}
	case *ast.Ident:
		object := m.pkg.TypesInfo.Uses[e]
		switch object := object.(type) {
		case *types.Const:
			switch {
			case object.Parent() == types.Universe && (e.Name == "true" || e.Name == "false"):
				to := map[string]string{"true": "false", "false": "true"}[e.Name]
				id := m.mutant(e, e.Name+" → "+to)
				m.edits[e] = func() string { return fmt.Sprintf("mutatePick(%d, %s, %s)", id, e.Name, to) }
			case object.Parent() == m.pkg.Types.Scope() && m.is(e, types.IsNumeric) && !named(object):
				m.number(e, m.constant(e))
			}
		case *types.Var, *types.Func:
			if object.Parent() == m.pkg.Types.Scope() {
				m.class(e, e.Name)
			}
		}
	case *ast.SelectorExpr:
		m.class(e, types.ExprString(e))
	}
}

// named reports whether a constant is one of an enumeration rather than a
// number.
func named(c *types.Const) bool {
	n, ok := c.Type().(*types.Named)
	return ok && n.Obj().Pkg() == c.Pkg()
}

// number makes a constant twice as large, or 0 one.
func (m *mutator) number(e ast.Expr, v constant.Value) {
	to, change := "1", "→ 1"
	if constant.Sign(v) != 0 {
		to, change = m.oneLine(e)+" * 2", "doubled"
	}
	t := m.typeOf(e)
	id := m.mutant(e, change)
	m.edits[e] = func() string { return fmt.Sprintf("mutatePick[%s](%d, %s, %s)", t, id, m.oneLine(e), to) }
}

// class changes which error it is.
func (m *mutator) class(e ast.Expr, name string) {
	to := classes[name]
	if to == "" || m.pkg.Types.Scope().Lookup(to) == nil {
		return
	}
	id := m.mutant(e, "→ "+to)
	if _, function := m.pkg.TypesInfo.TypeOf(e).(*types.Signature); function {
		m.edits[e] = func() string { return fmt.Sprintf("mutatePick(%d, %s, %s)", id, name, to) }
		return
	}
	m.edits[e] = func() string { return fmt.Sprintf("mutatePick[error](%d, %s, %s)", id, name, to) }
}

// call swaps min and max.
func (m *mutator) call(n *ast.CallExpr) {
	f, ok := n.Fun.(*ast.Ident)
	if !ok || f.Name != "min" && f.Name != "max" {
		return
	}
	if _, builtin := m.pkg.TypesInfo.Uses[f].(*types.Builtin); !builtin || m.constant(n) != nil {
		return
	}
	name, to := "mutateMin", "max"
	if f.Name == "max" {
		name, to = "mutateMax", "min"
	}
	id := m.mutant(n, f.Name+" → "+to)
	t := m.typeOf(n)
	m.edits[n] = func() string {
		args := make([]string, len(n.Args))
		for i, a := range n.Args {
			args[i] = m.render(a)
		}
		return fmt.Sprintf("%s[%s](%d, %s)", name, t, id, strings.Join(args, ", "))
	}
}

// incDec turns a counter round; one without a sign stands still.
func (m *mutator) incDec(n *ast.IncDecStmt) {
	op, back := "+=", "-1"
	if n.Tok == token.DEC {
		op = "-="
	}
	change := "the other way"
	if m.is(n.X, types.IsUnsigned) {
		change, back = "not counted", "0"
	}
	id := m.mutant(n, change)
	t := m.typeOf(n.X)
	m.edits[n] = func() string {
		return fmt.Sprintf("%s %s mutatePick[%s](%d, 1, %s)", m.render(n.X), op, t, id, back)
	}
}

// assign turns += and -= round.
func (m *mutator) assign(n *ast.AssignStmt) {
	if n.Tok != token.ADD_ASSIGN && n.Tok != token.SUB_ASSIGN || !m.is(n.Lhs[0], types.IsNumeric) || m.is(n.Lhs[0], types.IsUnsigned) {
		return
	}
	id := m.mutant(n, "the other way")
	t := m.typeOf(n.Lhs[0])
	m.edits[n] = func() string {
		return fmt.Sprintf("%s %s mutatePick[%s](%d, 1, -1) * (%s)", m.render(n.Lhs[0]), n.Tok, t, id, m.render(n.Rhs[0]))
	}
}
