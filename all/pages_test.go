package all_test

import (
	"cmp"
	"go/ast"
	"go/doc"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parsePackage reads the package of a directory, its tests apart.
func parsePackage(t *testing.T, fset *token.FileSet, dir string) (code *doc.Package, tests []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
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
		code, _ := parsePackage(t, token.NewFileSet(), dir)
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
// every function, every method of a Resolver, and of other types all but those
// that the interfaces of package secrets, fmt, encoding and a driver ask for. What an example refers to is
// told by its types, so that os.Open is no use of an Open of ours.
func TestEveryEntryPointHasAnExample(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]bool{ // told by the interface that they implement
		"Fetch": true, "FetchBatch": true, "List": true, "Watch": true, "Renew": true, "Revoke": true, "Close": true, "Login": true,
		"String": true, "GoString": true, "Format": true, "LogValue": true, "Error": true, "Unwrap": true, "MarshalText": true,
		"UnmarshalText": true, "MarshalJSON": true, "MarshalBinary": true, "UnmarshalBinary": true,
		"Connect": true, "Driver": true, "RoundTrip": true, "Value": true, "MarshalBSON": true,
	}
	apart := map[string]string{
		"cli.Main":               "the whole of a main function; told in the example of Run",
		"secrets.RegisterConfig": "for package config alone",
	}
	// A Pool's methods are those of pgxpool.
	samePage := map[string]bool{"Pool": true}
	read := newReader(t)
	for _, dir := range publicPackages(t) {
		code, tests := parsePackage(t, read.fset, filepath.Join("..", dir))
		path := strings.TrimSuffix(module+"/"+filepath.ToSlash(dir), "/.")
		examples := doc.Examples(tests...)
		assert.NotEmpty(t, examples, "%s has no example", path)
		used := read.used(t, path, tests, examples)
		missing := func(kind, name string) {
			if _, known := apart[code.Name+"."+name]; !known {
				assert.True(t, used[name], "%s: no example uses the %s %s", path, kind, name)
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
				if typ.Name == "Resolver" || !elsewhere[m.Name] && !samePage[typ.Name] {
					missing("method", typ.Name+"."+m.Name)
				}
			}
		}
	}
}

// An example without an output is compiled and never run.
func TestEveryExampleRunsThatCan(t *testing.T) {
	t.Parallel()
	cannot := map[string]string{
		"vault.Example":         "a pod's service account, and Vault",
		"pgx.Open":              "PostgreSQL",
		"pgx.Open_endpoint":     "PostgreSQL",
		"pgx.New":               "PostgreSQL",
		"pgx.NewWithHooks":      "PostgreSQL",
		"pgxpool.New":           "PostgreSQL",
		"pgxpool.NewWithConfig": "PostgreSQL",
		"mysql.Open":            "MySQL",
		"mysql.New":             "MySQL",
		"secretstest.New":       "the t of a test",
		"secretstest.Context":   "the t of a test",
		"secretstest.Set":       "the t of a test",
		"secretstest.Run":       "the t of a test",
	}
	for _, dir := range publicPackages(t) {
		code, tests := parsePackage(t, token.NewFileSet(), filepath.Join("..", dir))
		for _, e := range doc.Examples(tests...) {
			name := code.Name + "." + cmp.Or(e.Name, "Example")
			runs := e.Output != "" || e.EmptyOutput
			if needs, ok := cannot[name]; ok {
				assert.False(t, runs, "the example %s runs, and is listed as one that needs %s", name, needs)
			} else {
				assert.True(t, runs, "the example %s has no output, so that it is never run", name)
			}
		}
	}
}

const module = "github.com/go-secrets/secrets"

// publicPackages are the directories of the packages that others may import.
func publicPackages(t *testing.T) (dirs []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == ".." {
			return err
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || slices.Contains([]string{"internal", "examples", "testdata"}, d.Name()) || strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil || len(files) == 0 {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), files[0], nil, parser.PackageClauseOnly)
		if err == nil && file.Name.Name != "main" {
			dir, _ := filepath.Rel("..", path)
			dirs = append(dirs, dir)
		}
		return err
	}))
	require.Contains(t, dirs, filepath.Join("secretsql", "pgx"))
	return append(dirs, ".")
}

// A typesOf tells what the identifiers of an example mean.
type typesOf struct {
	fset    *token.FileSet
	exports map[string]string // a package's types, as the compiler wrote them
	types.Importer
}

func newReader(t *testing.T) *typesOf {
	r := &typesOf{fset: token.NewFileSet(), exports: make(map[string]string)}
	r.Importer = importer.ForCompiler(r.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(r.exports[path]) })
	return r
}

// load asks the go command for the types of the packages that files import,
// which it has, since it has built this test.
func (r *typesOf) load(t *testing.T, files []*ast.File) {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}"}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	for _, file := range files {
		for _, i := range file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			if r.exports[path] == "" && path != "unsafe" {
				args = append(args, path)
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		r.exports[path] = file
	}
}

// used returns what the examples refer to of the package at path: functions
// by their name, methods as Type.Method.
func (r *typesOf) used(t *testing.T, path string, tests []*ast.File, examples []*doc.Example) map[string]bool {
	t.Helper()
	var files []*ast.File
	for _, file := range tests {
		if len(doc.Examples(file)) > 0 {
			files = append(files, file)
		}
	}
	r.load(t, files)
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	check := types.Config{Importer: r, Error: func(error) {}} // helpers in other files are unknown here
	_, _ = check.Check(path+"_test", r.fset, files, info)
	used := make(map[string]bool)
	for _, e := range examples {
		ast.Inspect(e.Code, func(n ast.Node) bool {
			id, _ := n.(*ast.Ident)
			if f, ok := info.Uses[id].(*types.Func); ok && f.Pkg() != nil && f.Pkg().Path() == path {
				used[nameOf(f)] = true
			}
			return true
		})
	}
	return used
}

func nameOf(f *types.Func) string {
	recv := f.Signature().Recv()
	if recv == nil {
		return f.Name()
	}
	of := recv.Type()
	if p, ok := of.(*types.Pointer); ok {
		of = p.Elem()
	}
	if named, ok := of.(*types.Named); ok {
		return named.Obj().Name() + "." + f.Name()
	}
	return f.Name()
}
