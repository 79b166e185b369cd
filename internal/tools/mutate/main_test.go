package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module writes a package with a test that looks at one of two comparisons.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.test/limits\n\ngo 1.25\n",
		"limits.go": `package limits

func Adult(age int) bool { return age >= 18 }

func Child(age int) bool { return age < 12 }
`,
		"limits_test.go": `package limits

import "testing"

func TestAdult(t *testing.T) {
	if Adult(17) || !Adult(18) || Adult(0) || !Adult(40) {
		t.Fail()
	}
}

func TestChild(t *testing.T) { Child(3) }
`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestAMutantThatATestNoticesIsKilledAndOthersSurvive(t *testing.T) {
	dir := module(t)
	o := &options{dir: dir, workers: 2, timeout: time.Minute}
	o.only = "^Adult: "
	ok, err := run(o)
	require.NoError(t, err)
	assert.True(t, ok, "every change of what is tested is noticed")
	o.only = "^Child: "
	ok, err = run(o)
	require.NoError(t, err)
	assert.False(t, ok, "nobody looks at what Child returns")
}

func TestAnExplanationStandsForASurvivor(t *testing.T) {
	dir := module(t)
	p, err := load(dir, nil)
	require.NoError(t, err)
	file := filepath.Join(dir, "explained.txt")
	text := ""
	for _, m := range p.mutants {
		if m.function == "Child" {
			text += m.name() + "\n"
		}
	}
	require.NotEmpty(t, text)
	require.NoError(t, os.WriteFile(file, []byte(text+"\tnobody calls it\n"), 0o600))
	ok, err := run(&options{dir: dir, explained: file, workers: 2, timeout: time.Minute})
	require.NoError(t, err)
	assert.True(t, ok)
}

func TestAnExplanationHasAMutantAndAReason(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\ta reason of nothing\n", "f: x: y\n", "f: x: y\n\twhy\nf: x: y\n\twhy again\n"} {
		file := filepath.Join(t.TempDir(), "explained.txt")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := readExplanations(file)
		assert.Error(t, err, "%q", text)
	}
}
