package scripts

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const top = "../../.." // the repository's, from here

// files are a repository's, or what is changed in one: name → text.
type files map[string]string

// clean is a module in which no check finds anything.
var clean = files{
	"go.mod": "module github.com/go-secrets/secrets\n\ngo 1.25.0\n",
	"p.go":   "// Package secrets is small.\npackage secrets\n\n// Sum adds.\nfunc Sum(a, b int) int { return a + b }\n",
	"p_test.go": `package secrets

import "testing"

func FuzzSum(f *testing.F) {
	f.Add(1, 2)
	f.Fuzz(func(t *testing.T, a, b int) {
		if Sum(a, b) != Sum(b, a) {
			t.Error("no")
		}
	})
}
`,
	"internal/spec/sum/doc.go": "// Package sum specifies Sum.\npackage sum\n",
	"internal/spec/sum/sum_test.go": `package sum

import (
	"testing"

	"github.com/go-secrets/secrets"
)

func TestSum(t *testing.T) {
	if secrets.Sum(1, 2) != 3 {
		t.Error("no")
	}
}
`,
	"README.md":       "# Small\n",
	"api/secrets.txt": "func Sum(int, int) int\npackage secrets\n",
}

// A repository is a folder with the scripts, in which they run.
type repository struct{ dir string }

// small makes a repository of the clean module and what is changed in it.
func small(t *testing.T, changes files) repository {
	t.Helper()
	r := repository{t.TempDir()}
	require.NoError(t, os.CopyFS(filepath.Join(r.dir, ".ci"), os.DirFS(filepath.Join(top, ".ci"))))
	tools, err := filepath.Abs(filepath.Join(top, "internal", "tools"))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "internal"), 0o700))
	require.NoError(t, os.Symlink(tools, filepath.Join(r.dir, "internal", "tools"))) // a link, so that it is no module here
	r.write(t, clean)
	r.write(t, changes)
	r.git(t)
	return r
}

// whole makes a repository of what users import of this one, without tests.
func whole(t *testing.T) repository {
	t.Helper()
	r := repository{t.TempDir()}
	require.NoError(t, os.CopyFS(filepath.Join(r.dir, ".ci"), os.DirFS(filepath.Join(top, ".ci"))))
	all := make(files)
	require.NoError(t, fs.WalkDir(os.DirFS(top), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "examples", "integration", "bench", "internal/tools"}, name):
			return fs.SkipDir
		case name == "go.mod", name == "go.sum", strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			text, err := os.ReadFile(filepath.Join(top, name))
			all[name] = string(text)
			return err
		}
		return nil
	}))
	r.write(t, all)
	r.git(t)
	return r
}

func (r repository) write(t *testing.T, all files) {
	t.Helper()
	for name, text := range all {
		file := filepath.Join(r.dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
}

func (r repository) git(t *testing.T) {
	t.Helper()
	out, failed := r.run("git init -q", nil)
	require.False(t, failed, out)
}

// run runs a line of bash there, and returns what it prints.
func (r repository) run(line string, environment []string) (output string, failed bool) {
	cmd := exec.Command("bash", "-c", line) //#nosec G204 -- of these tests
	cmd.Dir = r.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "GIT_") || strings.HasPrefix(variable, "SECRETS_") // of a Git hook, and of CI
	}), "GIT_CEILING_DIRECTORIES="+filepath.Dir(r.dir))
	cmd.Env = append(cmd.Env, environment...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out) + err.Error(), true
	}
	return string(out), false
}
