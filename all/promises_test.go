package all_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test that is renamed or deleted has to be so in the page, too.
func TestEveryTestThatKeepsAPromiseExists(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/promises.md")
	require.NoError(t, err)
	seen := 0
	for _, m := range regexp.MustCompile("`([^`:]+):((?:Test|Benchmark)[^`/]*)/?([^`]*)`").FindAllStringSubmatch(string(page), -1) {
		seen++
		code, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(m[1])))
		if !assert.NoError(t, err) {
			continue
		}
		assert.Regexp(t, `(?m)^func `+m[2]+`\(`, string(code), m[1])
		if m[3] != "" {
			assert.True(t, strings.Contains(string(code), `"`+m[3]), "%s has no subtest %q", m[1], m[3])
		}
	}
	assert.Greater(t, seen, 45, "the pattern finds too few tests to be right")
	for _, promise := range []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7"} {
		assert.Contains(t, string(page), "| "+promise+" |")
	}
}
