package all_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test that is renamed or deleted has to be so in the page, too.
func TestEveryTestThatKeepsAPromiseExists(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/promises.md")
	require.NoError(t, err)
	seen, promise := 0, ""
	keepers := make(map[string]int)
	for _, row := range regexp.MustCompile(`(?m)^\| (P\d)? ?\| .*\| (.*) \|$`).FindAllStringSubmatch(string(page), -1) {
		if row[1] != "" {
			promise = row[1]
		}
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1) {
			keeper := quoted[1]
			switch {
			case strings.HasPrefix(keeper, ".ci/"):
				info, err := os.Stat(filepath.Join("..", filepath.FromSlash(keeper)))
				if assert.NoError(t, err) {
					assert.True(t, info.Mode().IsRegular(), "%s is no script", keeper)
				}
			case strings.Contains(keeper, ":"):
				assert.NoError(t, named(keeper))
			case strings.HasPrefix(keeper, "Err"): // a class
				continue
			default:
				assert.Fail(t, "the page names neither a test nor a script", keeper)
			}
			seen++
			keepers[promise]++
		}
	}
	assert.Greater(t, seen, 55, "the pattern finds too few tests to be right")
	for _, promise := range []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7"} {
		assert.Positive(t, keepers[promise], "nothing keeps %s", promise)
	}
}

// So has one that keeps a claim about security.
func TestEveryTestThatKeepsAClaimExists(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../SECURITY.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "| Claim | Kept by |")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for _, row := range regexp.MustCompile(`(?m)^\| (.*) \| (.*) \|$`).FindAllStringSubmatch(table, -1) {
		keepers := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1)
		assert.NotEmpty(t, keepers, "nothing keeps: %s", row[1])
		for _, keeper := range keepers {
			assert.NoError(t, named(keeper[1]))
		}
		rows++
	}
	assert.Greater(t, rows, 20, "the pattern finds too few claims to be right")
}

func TestANameThatNoTestHasIsFound(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"internal/spec/search/field_test.go:TestFields/a hundred fields by # are one read",
		"internal/spec/outage/failed_refresh_test.go:TestFailedRefresh/serves the held value until MaxStale, then the error, and recovers: ",
		"integration/size/size_test.go:TestWhatTheModuleAddsToAProgram/Vault, beside vault/api",
		"name_test.go:FuzzName",
	} {
		assert.NoError(t, named(good))
	}
	for why, bad := range map[string]string{
		"no such file":                     "nowhere_test.go:TestFields",
		"no such function":                 "internal/spec/search/field_test.go:TestField",
		"a function that is no test":       "index_test.go:bytesAllocated",
		"a benchmark, which asserts none":  "bench_test.go:BenchmarkHeldGet",
		"a subtest of another test":        "internal/spec/search/field_test.go:TestFields/of ten thousand goroutines is one read",
		"half of a subtest's name":         "internal/spec/search/field_test.go:TestFields/a hundred fields by #",
		"a text that is no subtest's name": "internal/spec/search/field_test.go:TestFields/db",
	} {
		assert.Error(t, named(bad), why)
	}
}

// named is an error unless there is a test or a fuzz target of that name, as file:Test or
// file:Test/subtest. The name of a subtest is what t.Run is given in this
// test: a literal, the literal that a longer name starts with, or, where it is
// given a variable, a name in a table of this test.
func named(keeper string) error {
	path, name, _ := strings.Cut(keeper, ":")
	name, sub, hasSub := strings.Cut(name, "/")
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(path)), nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != name || !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") || f.Type.Params.NumFields() != 1 {
			continue
		}
		if hasSub && !subtests(f.Body)[sub] {
			return &os.PathError{Op: "find", Path: keeper, Err: errors.New("no such subtest")}
		}
		return nil
	}
	return &os.PathError{Op: "find", Path: keeper, Err: os.ErrNotExist}
}

// subtests are the names of a test's.
func subtests(body ast.Node) map[string]bool {
	names, table := make(map[string]bool), make(map[string]bool)
	fromTable := false
	add := func(to map[string]bool, e ast.Expr) bool {
		for { // the start of a sum
			sum, ok := e.(*ast.BinaryExpr)
			if !ok {
				break
			}
			e = sum.X
		}
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return false
		}
		text, err := strconv.Unquote(lit.Value)
		to[text] = err == nil
		return true
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Run" && len(n.Args) == 2 && !add(names, n.Args[0]) {
				fromTable = true
			}
		case *ast.CompositeLit:
			for i, e := range n.Elts {
				switch e := e.(type) {
				case *ast.KeyValueExpr:
					if id, ok := e.Key.(*ast.Ident); ok && id.Name == "name" {
						add(table, e.Value)
					} else {
						add(table, e.Key) // of a map
					}
				default:
					if i == 0 {
						add(table, e) // of a struct without keys
					}
				}
			}
		}
		return true
	})
	if fromTable {
		for name := range table {
			names[name] = true
		}
	}
	return names
}
