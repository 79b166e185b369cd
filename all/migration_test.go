package all_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

var valsRow = regexp.MustCompile("(?m)^\\| (`[a-z0-9`, ]+`) \\| (none|`[a-z]+`) \\|")

func TestTheGuideToMigrationSaysWhichSchemesOfValsAreRead(t *testing.T) {
	t.Parallel()
	_, guide, ok := strings.Cut(pages(t)["../docs/migration.md"], "| vals' scheme |")
	require.True(t, ok)
	table, _, ok := strings.Cut(guide, "\n\n")
	require.True(t, ok)

	read, refused := 0, 0
	for _, row := range valsRow.FindAllStringSubmatch(table, -1) {
		for scheme := range strings.SplitSeq(row[1], ", ") {
			scheme = strings.Trim(scheme, "`")
			ref, err := secrets.ParseRef("ref+" + scheme + "://a/b#/c")
			if row[2] == "none" {
				refused++
				assert.ErrorIs(t, err, secrets.ErrInvalid, scheme)
				continue
			}
			read++
			require.NoError(t, err, scheme)
			assert.Equal(t, strings.Trim(row[2], "`"), ref.Scheme, scheme)
		}
	}
	assert.Equal(t, 5, read, "vals has vault, awssecrets, awsssm, gcpsecrets and file in common with us")
	assert.Greater(t, refused, 25)
}
