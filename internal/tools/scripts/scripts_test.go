package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// commit is for .ci/api, which asks for the last release.
const commit = "git add -A; git -c user.name=x -c user.email=x@example.com commit -q -m one; "

// Each check passes in the clean module, and fails of a fault that it is for.
func TestChecksFail(t *testing.T) {
	t.Parallel()
	code := func(imports, declarations string) string {
		return "package secrets\n\n" + imports + "\n" + declarations
	}
	for name, test := range map[string]struct {
		line  string
		fault files
		want  []string // what it says
	}{
		"format": {".ci/format", files{"fault.go": "package secrets\nfunc  f() {}\n"}, []string{"gofmt would change", "fault.go"}},
		"tidy": {".ci/tidy", files{"go.mod": clean["go.mod"] + "\nrequire golang.org/x/sync v0.20.0\n"},
			[]string{"-require golang.org/x/sync"}},
		"tidy, in another module": {".ci/tidy", files{"other/go.mod": "module example.com/other\n\ngo 1.25.0\n\nrequire golang.org/x/sync v0.20.0\n"},
			[]string{"-require golang.org/x/sync"}},
		"vet": {".ci/vet", files{"fault.go": code("import \"fmt\"\n", "// F prints.\nfunc F() { fmt.Printf(\"%d\", \"x\") }\n")},
			[]string{"fault.go:6", "wrong type"}},
		"vet for another system": {".ci/vet windows", files{"fault_windows.go": code("", "var _ = gone\n")}, []string{"undefined: gone"}},
		"staticcheck":            {".ci/staticcheck", files{"fault.go": code("", "func unused() {}\n")}, []string{"U1000"}},
		"errcheck": {".ci/errcheck", files{"fault.go": code("import \"os\"\n", "// F removes.\nfunc F() { os.Remove(\"x\") }\n")},
			[]string{"fault.go:6", "os.Remove"}},
		"errcheck, of what does not compile": {".ci/errcheck", files{"fault.go": code("", "var _ = gone\n")}, []string{"gone"}},
		"comments, of a method": {".ci/comments", files{"fault.go": code("", "// T is a type.\ntype T int\n\nfunc (T) String() string { return \"\" }\n")},
			[]string{"T.String has no comment"}},
		"comments, of an interface's method": {".ci/comments", files{"fault.go": code("", "// T is a type.\ntype T interface{ Do() }\n")},
			[]string{"T.Do has no comment"}},
		"comments, of a function": {".ci/comments", files{"fault.go": code("", "func F() {}\n")}, []string{"exported function F should have comment"}},
		"comments, of a package":  {".ci/comments", files{"q/q.go": "package q\n"}, []string{"should have a package comment"}},
		"gosec": {".ci/gosec", files{"fault.go": code("import \"crypto/md5\"\n", "// F sums.\nfunc F(b []byte) [16]byte { return md5.Sum(b) }\n")},
			[]string{"G401"}},
		"fuzz": {".ci/fuzz 10x", files{"p_test.go": strings.ReplaceAll(clean["p_test.go"], "!=", "==")}, []string{"FAIL ./. FuzzSum"}},
		"fuzz, without a target": {".ci/fuzz 10x", files{"p_test.go": "package secrets\n"},
			[]string{"there is no fuzz target"}},
		"coverage": {".ci/coverage", files{"fault.go": code("", "// F adds, too.\nfunc F(a, b int) int { return a + b }\n")}, []string{"95 % are asked for"}},
		"api":      {commit + ".ci/api", files{"api/secrets.txt": "package secrets\n"}, []string{"+ secrets: func Sum(int, int) int"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, failed := small(t, nil).run(test.line, nil)
			require.False(t, failed, out)
			out, failed = small(t, test.fault).run(test.line, nil)
			require.True(t, failed, out)
			for _, want := range test.want {
				assert.Contains(t, out, want)
			}
		})
	}
}

// What is to be checked is asked of Git. Where that can't tell, nothing must
// pass.
func TestChecksFailWithoutGit(t *testing.T) {
	t.Parallel()
	for _, line := range []string{".ci/format", ".ci/tidy", ".ci/vet", ".ci/staticcheck", ".ci/errcheck", ".ci/fuzz", ".ci/docs"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := small(t, nil)
			require.NoError(t, os.RemoveAll(filepath.Join(r.dir, ".git")))
			out, failed := r.run(line, nil)
			require.True(t, failed, out)
			assert.Contains(t, out, "git")

			r.git(t)
			r.write(t, files{".gitignore": "*\n"})
			out, failed = r.run(line, nil)
			require.True(t, failed, "there is nothing to check: %s", out)
			assert.Regexp(t, "nothing can be checked|names no page", out)
		})
	}
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	r := whole(t)
	out, failed := r.run(".ci/deps", nil)
	require.False(t, failed, out)

	r.write(t, files{
		"secretsotel/fault.go":   "package secretsotel\n\nimport _ \"github.com/go-secrets/secrets/gcp\"\n",
		"vault/fault_windows.go": "package vault\n\nimport _ \"github.com/jackc/pgx/v5\"\n",
		"fault.go":               "package secrets\n\nimport _ \"golang.org/x/text/cases\"\n",
		"fresh/fresh.go":         "package fresh\n",
	})
	require.NoError(t, os.RemoveAll(filepath.Join(r.dir, "secretsql", "mysql")))
	out, failed = r.run(".ci/deps", nil)
	require.True(t, failed, out)
	for _, want := range []string{
		"secretsotel must not link gcp\n",
		"secretsotel must not link cloud.google.com/go/secretmanager\n",
		"vault must not link github.com/jackc/pgx/v5\n",
		". must not link golang.org/x/text\n",
		"fresh is not in the table",
		"secretsql/mysql is in the table of .ci/deps, and is no package\n",
		"github.com/go-sql-driver/mysql is in the table of .ci/deps, and nothing links it\n",
	} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "config must not link github.com")
}

func TestVulnerabilities(t *testing.T) {
	t.Parallel()
	database := t.TempDir()
	const entry = "ID/GO-2025-9999.json"
	repository{database}.write(t, files{
		"index/db.json":      `{"modified":"2025-01-01T00:00:00Z"}`,
		"index/modules.json": `[{"path":"stdlib","vulns":[{"id":"GO-2025-9999","modified":"2025-01-01T00:00:00Z"}]}]`,
		"index/vulns.json":   `[{"id":"GO-2025-9999","modified":"2025-01-01T00:00:00Z"}]`,
		entry: `{"schema_version":"1.3.1","id":"GO-2025-9999","modified":"2025-01-01T00:00:00Z","summary":"made up",
			"database_specific":{"url":"https://example.com"},
			"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
			"ecosystem_specific":{"imports":[{"path":"net/url","symbols":["QueryEscape"]}]}}]}`,
	})
	here := []string{"GOVULNDB=file://" + database}
	out, failed := small(t, nil).run(".ci/govulncheck", here)
	require.False(t, failed, out)
	assert.NotContains(t, out, "SKIPPED")

	fault := files{"fault_test.go": "package secrets\n\nimport (\n\t\"net/url\"\n\t\"testing\"\n)\n\n" +
		"func TestCall(t *testing.T) { t.Log(url.QueryEscape(\"x\")) }\n"}
	out, failed = small(t, fault).run(".ci/govulncheck", here)
	require.True(t, failed, "a test calls what is vulnerable: %s", out)
	assert.Contains(t, out, "GO-2025-9999")
	assert.Contains(t, out, "exit status 3", "which govulncheck has for findings, and not for its own failures")

	// An entry that lacks what govulncheck relies on has it panic, which is an
	// exit with 0 now and then.
	text, err := os.ReadFile(filepath.Join(database, filepath.FromSlash(entry)))
	require.NoError(t, err)
	repository{database}.write(t, files{entry: strings.Replace(string(text), "database_specific", "none", 1)})
	out, failed = small(t, fault).run(".ci/govulncheck", here)
	require.True(t, failed, out)
	assert.NotContains(t, out, "exit status 3")

	// For govulncheck there is a proxy that does not answer, and not for go,
	// which fetches govulncheck.
	command, err := exec.LookPath("go")
	require.NoError(t, err)
	path := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nHTTPS_PROXY='%s' exec '%s' \"$@\"\n", os.Getenv("HTTPS_PROXY"), command)
	require.NoError(t, os.WriteFile(filepath.Join(path, "go"), []byte(script), 0o700)) //#nosec G306 -- a program
	out, failed = small(t, nil).run(".ci/govulncheck", []string{"GOVULNDB=", "HTTPS_PROXY=http://127.0.0.1:1", "PATH=" + path + ":" + os.Getenv("PATH")})
	require.False(t, failed, out)
	assert.Regexp(t, "^SKIPPED govulncheck: ", out)

	out, failed = small(t, nil).run(".ci/govulncheck", []string{"GOVULNDB=file:///no/such/folder"})
	require.True(t, failed, "a database that was asked for must be there: %s", out)
}

func TestSuites(t *testing.T) {
	t.Parallel()
	r := small(t, nil)
	const begin = "set -euo pipefail; . .ci/suites.sh; suite first true; suite second echo 'SKIPPED half of it';"

	out, failed := r.run(begin+"report", nil)
	require.False(t, failed, out)
	assert.Regexp(t, `(?s)ok .* first\nok .* second\n +SKIPPED half of it\n.*\nskipped in part or whole: second\n2 passed, 0 failed\n$`, out)

	out, failed = r.run(begin+"suite third bash -c 'echo why; exit 3'; suite fourth true; report", nil)
	require.True(t, failed, out)
	assert.Regexp(t, `(?s)FAIL .* third\n    \| why\nok .* fourth\n.*\nfailed: third\nskipped in part or whole: second\n3 passed, 1 failed\n`, out)

	// make check is such a list, and so ends as its suites do.
	require.NoError(t, os.Remove(filepath.Join(r.dir, ".ci", "format")))
	for _, name := range []string{"api", "checks", "comments", "coverage", "deps", "docs", "errcheck", "gosec", "govulncheck", "licences", "newest", "staticcheck", "test", "tidy", "vet"} {
		r.write(t, files{".ci/" + name: "#!/bin/sh\n"})
	}
	r.write(t, files{".ci/govulncheck": "#!/bin/sh\necho SKIPPED all\n"})
	out, failed = r.run("bash .ci/check", nil)
	require.True(t, failed, out)
	assert.Regexp(t, `\nfailed: format\nskipped in part or whole: govulncheck\n17 passed, 1 failed\n`, out)
}
