package fleet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConstants holds the model's constants beside those of the code, wherever
// in its package each of them is.
func TestConstants(t *testing.T) {
	root := constants(t, "../../..")
	for name, model := range map[string]int64{
		"defaultTTL": int64(DefaultTTL), "coldTries": coldTries, "retryBase": int64(retryBase),
		"reminderBase": int64(reminderBase), "reminderMost": int64(reminderMost), "maxReminder": int64(maxReminder),
		"backoffBase": int64(backoffBase), "backoffMost": int64(backoffMost), "maxObeyed": int64(maxObeyed),
		"maxColdReads": maxColdReads, "maxRefreshes": maxRefreshes, "maxBatch": maxBatch, "noBatchFor": int64(noBatchFor),
	} {
		assert.Equal(t, root[name], model, name)
	}
	aws := constants(t, "../../../internal/awsapi")
	assert.EqualValues(t, aws["Parallel"], SecretsManager.Parallel)
	assert.EqualValues(t, aws["Parallel"], ParameterStore.Parallel)
	awssm := constants(t, "../../../awssm")
	assert.EqualValues(t, awssm["perCall"], SecretsManager.Batch.Size)
	assert.EqualValues(t, awssm["batchMin"], SecretsManager.Batch.Min)
	assert.EqualValues(t, constants(t, "../../../ssm")["perCall"], ParameterStore.Batch.Size)
	assert.EqualValues(t, constants(t, "../../../gcp")["maxParallel"], SecretManager.Parallel)
}

// constants returns the integer constants of the package in dir.
func constants(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found := make(map[string]int64)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+e.Name(), nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						if n, ok := value(v.Values[i]); ok {
							found[name.Name] = n
						}
					}
				}
			}
		}
	}
	return found
}

// value computes what constants of these packages are made of: integers, units
// of time, products, conversions.
func value(e ast.Expr) (n int64, ok bool) {
	units := map[string]time.Duration{"Nanosecond": 1, "Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}
	switch e := e.(type) {
	case *ast.BasicLit:
		n, err := strconv.ParseInt(e.Value, 0, 64)
		return n, err == nil
	case *ast.SelectorExpr:
		unit, ok := units[e.Sel.Name]
		return int64(unit), ok
	case *ast.BinaryExpr:
		x, okX := value(e.X)
		y, okY := value(e.Y)
		return x * y, okX && okY && e.Op == token.MUL
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			return value(e.Args[0])
		}
	case *ast.ParenExpr:
		return value(e.X)
	}
	return 0, false
}
