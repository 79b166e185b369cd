package all_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parsePackage reads the package of a directory, its tests apart.
func parsePackage(t *testing.T, dir string) (code *doc.Package, tests []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		name := e.Name()
		if filepath.Ext(name) != ".go" || strings.Contains(name, "_windows") || strings.Contains(name, "_darwin") || strings.Contains(name, "_other") {
			continue
		}
		file, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, file)
		} else {
			files = append(files, file)
		}
	}
	code, err = doc.NewFromFiles(fset, files, "github.com/go-secrets/secrets/"+dir)
	require.NoError(t, err)
	return code, tests
}

func TestThePagesOfTheBackendsHaveTheSameSectionsInTheSameOrder(t *testing.T) {
	t.Parallel()
	want := []string{"Names", "Options", "Credentials", "Permissions", "Errors", "Rotation"}
	for _, dir := range []string{"../envfile", "../vault", "../awssm", "../ssm", "../gcp"} {
		code, _ := parsePackage(t, dir)
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^# (.+)$`).FindAllStringSubmatch(code.Doc, -1) {
			if slices.Contains(want, m[1]) {
				got = append(got, m[1])
			}
		}
		assert.Equal(t, want, got, dir)
	}
}

// Whatever a user would look up stands in an example of its package's page:
// every function, every type that has a function or method of its own, and
// every method but those that the interfaces of package secrets, fmt, encoding
// and a driver ask for.
func TestEveryEntryPointHasAnExample(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]bool{ // told by the interface that they implement
		"Fetch": true, "FetchBatch": true, "List": true, "Watch": true, "Renew": true, "Revoke": true, "Close": true, "Login": true,
		"String": true, "GoString": true, "Format": true, "LogValue": true, "Error": true, "Unwrap": true, "MarshalText": true,
		"UnmarshalText": true, "MarshalJSON": true, "MarshalBinary": true, "UnmarshalBinary": true,
		"Connect": true, "Driver": true, "RoundTrip": true,
	}
	apart := map[string]string{
		"cli.Main":               "the whole of a main function; told in the example of Run",
		"secrets.RegisterConfig": "for package config alone",
	}
	// A Pool's methods are those of pgxpool; a Provider's are told by kind.
	samePage := map[string]bool{"Pool": true}
	for _, dir := range []string{"..", "../envfile", "../vault", "../vault/authaws", "../vault/authgcp", "../awssm", "../ssm", "../gcp", "../config", "../all",
		"../secretstest", "../secretsql", "../secretsql/pgx", "../secretsql/pgxpool", "../secretsql/mysql", "../secrettls", "../secrethttp", "../secretsotel", "../cmd/secrets/cli"} {
		code, tests := parsePackage(t, dir)
		used := make(map[string]bool)
		examples := 0
		for _, file := range tests {
			if !strings.HasPrefix(file.Name.Name, code.Name+"_test") {
				continue
			}
			has := false
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Example") {
					has = true
					examples++
				}
			}
			if !has {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					used[s.Sel.Name] = true
				}
				return true
			})
		}
		assert.Positive(t, examples, "%s has no example", dir)
		missing := func(kind, name string) {
			if _, known := apart[code.Name+"."+name]; !known {
				assert.True(t, used[name], "%s: no example uses the %s %s", dir, kind, name)
			}
		}
		for _, f := range code.Funcs {
			missing("function", f.Name)
		}
		for _, typ := range code.Types {
			for _, f := range typ.Funcs {
				missing("function", f.Name)
			}
			for _, m := range typ.Methods {
				if !elsewhere[m.Name] && !samePage[typ.Name] {
					missing("method of "+typ.Name, m.Name)
				}
			}
		}
	}
}
