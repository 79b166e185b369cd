package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module writes a module whose one test file has these tests.
func module(t *testing.T, tests string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example\n\ngo 1.25\n",
		"sum.go": "package example\n\nfunc Sum(a, b int) int {\n\tif a == 0 {\n\t\treturn b\n\t}\n\treturn a + b\n}\n",
		"sum_test.go": `package example

import "testing"

` + tests,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		tests  string
		least  float64
		enough bool
	}{
		"tests that run enough":                {"func TestSum(t *testing.T) {\n\tif Sum(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n", 60, true},
		"tests that run too little":            {"func TestSum(t *testing.T) {\n\tif Sum(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n", 70, false},
		"a test that asserts nothing":          {"func TestSum(t *testing.T) { Sum(1, 2) }\n", 60, false},
		"a subtest that asserts nothing":       {"func TestSum(t *testing.T) {\n\tif Sum(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n\tt.Run(\"\", func(t *testing.T) { Sum(0, 1) })\n}\n", 60, false},
		"a test whose helper asserts":          {"func TestSum(t *testing.T) { is(t, Sum(1, 2), 3) }\n\nfunc is(t *testing.T, a, b int) {\n\tif a != b {\n\t\tt.Errorf(\"no\")\n\t}\n}\n", 60, true},
		"a test whose helper asserts nothing":  {"func TestSum(t *testing.T) { is(t, Sum(1, 2), 3) }\n\nfunc is(t *testing.T, a, b int) {\n\tt.Log(a, b)\n\tif a != b {\n\t\tis(t, b, a)\n\t}\n}\n", 0, false},
		"a test that runs what it is given":    {"func TestSum(t *testing.T) { in(func(t *testing.T) { t.Error(Sum(1, 2)) }) }\n\nfunc in(f func(*testing.T)) func(*testing.T) { return func(t *testing.T) { f(t) } }\n", 0, true},
		"an assertion that stands in a string": {"func TestSum(t *testing.T) { _ = \"t.Fatal()\" }\n", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enough, err := check(module(t, test.tests), test.least, "")
			require.NoError(t, err)
			assert.Equal(t, test.enough, enough)
		})
	}

	t.Run("tests that fail", func(t *testing.T) {
		t.Parallel()
		_, err := check(module(t, "func TestSum(t *testing.T) { t.Fatal(\"why\") }\n"), 0, "")
		assert.ErrorContains(t, err, "why")
	})
}

// Tests of the package may live in others, and share helpers that are no
// tests.
func TestTestsInPackagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	dir := module(t, "func TestSum(t *testing.T) {\n\tif Sum(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n")
	for name, text := range map[string]string{
		"spec/is/is.go":          "package is\n\nimport \"testing\"\n\nfunc Equal(t *testing.T, a, b int) {\n\tif a != b {\n\t\tt.Errorf(\"no\")\n\t}\n}\n",
		"spec/sum/sum_test.go":   "package sum\n\nimport (\n\t\"testing\"\n\n\t\"example\"\n\t\"example/spec/is\"\n)\n\nfunc TestZero(t *testing.T) { is.Equal(t, example.Sum(0, 1), 1) }\n",
		"spec/slow/slow_test.go": "package slow\n\nimport \"testing\"\n\nfunc TestSlow(t *testing.T) { t.Fatal(\"is run\") }\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	enough, err := check(dir, 100, "^TestSlow$", "./spec/...")
	require.NoError(t, err)
	assert.True(t, enough)
	enough, err = check(dir, 100, "")
	require.NoError(t, err)
	assert.False(t, enough)

	idle := filepath.Join(dir, "spec/sum/idle_test.go")
	require.NoError(t, os.WriteFile(idle, []byte("package sum\n\nimport \"testing\"\n\nfunc TestIdle(t *testing.T) { t.Log() }\n"), 0o600))
	enough, err = check(dir, 0, "^TestSlow$", "./spec/...")
	require.NoError(t, err)
	assert.False(t, enough)
}
