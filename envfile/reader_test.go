package envfile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAnEmptyFileIsJudgedByItsAgeWhenItWasLookedAt(t *testing.T) {
	t.Parallel()
	written := time.Now()
	after := func(d time.Duration) time.Time { return written.Add(d) }
	for _, c := range []struct {
		rule        string
		looked, now time.Duration // after it was written
		emptied     bool
	}{
		{"just emptied", time.Millisecond, time.Millisecond, true},
		{"emptied between the look and the read", -time.Millisecond, 0, true},
		{"just emptied, by a process that was stopped then", time.Millisecond, time.Second, true},
		{"empty for long enough", truncated, truncated, false},
		{"written by a clock that is ahead", -time.Hour, -time.Hour + time.Millisecond, false},
	} {
		assert.Equal(t, c.emptied, emptied(written, after(c.looked), after(c.now)), c.rule)
	}
}
