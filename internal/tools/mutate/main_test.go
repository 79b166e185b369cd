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

func TestAMutantIsKilledByATestOfAnotherPackage(t *testing.T) {
	dir := module(t)
	spec := filepath.Join(dir, "spec", "child")
	require.NoError(t, os.MkdirAll(spec, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(spec, "child_test.go"), []byte(`package child

import (
	"testing"

	"example.test/limits"
)

func TestChild(t *testing.T) {
	if !limits.Child(11) || limits.Child(12) || !limits.Child(5) || limits.Child(24) {
		t.Fail()
	}
}
`), 0o600))
	o := &options{dir: dir, only: "^Child: ", workers: 2, timeout: time.Minute}
	ok, err := run(o)
	require.NoError(t, err)
	assert.False(t, ok, "that package was not named")
	o.tests = "./spec/..."
	ok, err = run(o)
	require.NoError(t, err)
	assert.True(t, ok)
}

func TestAnExplanationStandsForASurvivor(t *testing.T) {
	dir := module(t)
	p, err := load(dir, nil)
	require.NoError(t, err)
	text := ""
	for _, m := range p.mutants {
		if m.function == "Child" {
			text += m.name() + "\n"
		}
	}
	require.NotEmpty(t, text)
	why := t.TempDir()
	explain := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(why, "limits.txt"), []byte(text), 0o600))
	}
	o := &options{dir: dir, explained: why, workers: 2, timeout: time.Minute}
	explain(text + "\tnobody calls it\n")
	ok, err := run(o)
	require.NoError(t, err)
	assert.True(t, ok)
	explain(text + "Child: age > 12: > → >=\n\tnobody calls it\n")
	ok, err = run(o)
	require.NoError(t, err)
	assert.False(t, ok, "what is explained must be there")
	o.explained = filepath.Join(why, "none")
	_, err = run(o)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestATestThatIsLeftOutKillsNothing(t *testing.T) {
	o := &options{dir: module(t), only: "^Adult: ", skip: "^TestAdult$", workers: 1, timeout: time.Minute}
	ok, err := run(o)
	require.NoError(t, err)
	assert.False(t, ok)
}

func TestAtLeastOneMutantIsTriedAtATime(t *testing.T) {
	_, err := run(&options{dir: module(t), workers: 0, timeout: time.Minute})
	assert.ErrorContains(t, err, "-j 0")
}

func TestAnExplanationHasAMutantAndAReason(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\ta reason of nothing\n", "f: x: y\n", "f: x: y\n\twhy\nf: x: y\n\twhy again\n"} {
		file := filepath.Join(t.TempDir(), "explained.txt")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		assert.Error(t, explanations{}.read(file), "%q", text)
	}
}
