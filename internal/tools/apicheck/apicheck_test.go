package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// check type-checks a package of one file.
func check(t *testing.T, code string) *types.Package {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", code, 0)
	require.NoError(t, err)
	conf := types.Config{Importer: importer.Default()}
	pkg, err := conf.Check("example.com/p", fset, []*ast.File{file}, nil)
	require.NoError(t, err)
	return pkg
}

func TestList(t *testing.T) {
	t.Parallel()
	pkg := check(t, `package p
const A = 1
const hidden = 2
var B []string
type C struct {
	X int `+"`json:\"x\"`"+`
	y int
}
func (C) Value(n int) error { return nil }
func (*C) Pointer() {}
func (C) hidden() {}
type D interface { One(x int); two() }
type E = map[string]int
type F func(a, b int) (c error)
func G[T any](first T, rest ...T) T { return first }
type H struct { C }
type I struct { f func() }
`)
	assert.Equal(t, []string{
		"const A untyped int = 1",
		"field C.X int `json:\"x\"`",
		"field H.embedded C",
		"func G[T any](T, ...T) T",
		"method (*C) Pointer()",
		"method (*H) Pointer()",
		"method (C) Value(int) error",
		"method (D) One(int)",
		"method (H) Value(int) error",
		"package p",
		"type C struct, with unexported fields",
		"type D interface { One, unexported methods }",
		"type E = map[string]int",
		"type F func(a int, b int) (c error)",
		"type H struct",
		"type I struct, with unexported fields, not comparable",
		"var B []string",
	}, list(pkg))
}

func TestCompare(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, save(dir, map[string][]string{"p.txt": {"func A()", "func B()"}, "gone.txt": {"package gone"}}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, exceptions), []byte("# nothing\n"), 0o600))

	same, err := compare(dir, map[string][]string{"p.txt": {"func A()", "func B()"}, "gone.txt": {"package gone"}})
	require.NoError(t, err)
	assert.Empty(t, same)

	changed, err := compare(dir, map[string][]string{"p.txt": {"func A(int)", "func B()"}})
	require.NoError(t, err)
	assert.Contains(t, changed, "- p: func A()")
	assert.Contains(t, changed, "+ p: func A(int)")
	assert.Contains(t, changed, "- gone: package gone")

	require.NoError(t, save(dir, map[string][]string{"p.txt": {"func A(int)", "func B()"}}))
	saved, err := compare(dir, map[string][]string{"p.txt": {"func A(int)", "func B()"}})
	require.NoError(t, err)
	assert.Empty(t, saved)
}

// A repository with a release, as a user of the module has it.
func TestSinceTheLastRelease(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"} { // where a Git hook runs the tests
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	write := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	git := func(args ...string) {
		_, err := output("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		require.NoError(t, err)
	}
	git("init", "-q")
	write("go.mod", "module "+module+"\n\ngo 1.25.0\n")
	write("p.go", "package secrets\n\nfunc Kept() {}\nfunc Gone() {}\n")
	git("add", ".")
	git("commit", "-q", "-m", "one")

	tag, err := lastRelease()
	require.NoError(t, err)
	require.Empty(t, tag, "there is none yet")
	for _, tag := range []string{"v0.9.0", "v0.10.0", "v0.11.0-rc.1", "other"} {
		git("tag", tag)
	}
	tag, err = lastRelease()
	require.NoError(t, err)
	require.Equal(t, "v0.10.0", tag)

	write("p.go", "package secrets\n\nfunc Kept() {}\nfunc New() {}\n")
	now, err := load(".")
	require.NoError(t, err)
	complaints, err := since(tag, now)
	require.NoError(t, err)
	require.Len(t, complaints, 2)
	assert.Equal(t, "secrets: Gone: removed", complaints[1])

	require.NoError(t, os.Mkdir(listings, 0o700))
	write(filepath.Join(listings, exceptions), "# meant\nsecrets: Gone: removed\n")
	complaints, err = since(tag, now)
	require.NoError(t, err)
	assert.Empty(t, complaints)

	complaints, err = since(tag, map[string]*types.Package{})
	require.NoError(t, err)
	assert.Contains(t, complaints, "secrets: the package was removed")
}
