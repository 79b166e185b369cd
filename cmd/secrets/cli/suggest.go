package cli

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var unknownFlag = regexp.MustCompile(`^unknown flag: --([A-Za-z0-9-]{1,40})$`)

// suggestFlag adds to the error about an unknown flag the one that was meant.
func suggestFlag(cmd *cobra.Command, err error) error {
	match := unknownFlag.FindStringSubmatch(err.Error())
	if match == nil {
		return err
	}
	nearest, least := "", 3 // more letters than that are another word
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := distance(match[1], f.Name); d < least && d < len(f.Name) {
			nearest, least = f.Name, d
		}
	})
	if nearest == "" {
		return err
	}
	return fmt.Errorf("%w; did you mean --%s?", err, nearest)
}

// distance returns how many letters must be changed, added or left out to make
// one word of the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0] // of the row before, to the left
		row[0] = i + 1
		for j := range len(b) {
			change := above
			if a[i] != b[j] {
				change++
			}
			above = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
