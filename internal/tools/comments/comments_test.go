package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file, code string
		want       string // what has no comment, "" for nothing
	}{
		"an interface's method":               {"p.go", "type A interface {\n\t// One is told.\n\tOne()\n\tTwo()\n}\n", "A.Two"},
		"a method told at the end of a line":  {"p.go", "type A interface {\n\tOne() // is told\n}\n", ""},
		"an embedded interface":               {"p.go", "type A interface{ error }\n", ""},
		"an interface's method of its own":    {"p.go", "type A interface{ one() }\n", ""},
		"an interface of the package's own":   {"p.go", "type a interface{ One() }\n", ""},
		"a String":                            {"p.go", "type A int\n\nfunc (A) String() string { return \"\" }\n", "A.String"},
		"a Write of a generic type":           {"p.go", "type A[T any] struct{}\n\nfunc (*A[T]) Write([]byte) (int, error) { return 0, nil }\n", "A.Write"},
		"a String that is told":               {"p.go", "type A int\n\n// String is told.\nfunc (A) String() string { return \"\" }\n", ""},
		"a directive that is no comment":      {"p.go", "type A int\n\n//go:noinline\nfunc (A) String() string { return \"\" }\n", "A.String"},
		"a String of the package's own":       {"p.go", "type a int\n\nfunc (a) String() string { return \"\" }\n", ""},
		"a String of a test":                  {"p_test.go", "type A int\n\nfunc (A) String() string { return \"\" }\n", ""},
		"a String that nobody else can reach": {"internal/q/q.go", "type A int\n\nfunc (A) String() string { return \"\" }\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write := func(name, text string) {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			write("go.mod", "module example\n\ngo 1.25\n")
			write("doc.go", "package p\n")
			write(test.file, "package p\n\n"+test.code)
			found, err := check(dir)
			require.NoError(t, err)
			if test.want == "" {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Contains(t, found[0], test.want+" has no comment")
		})
	}
}
