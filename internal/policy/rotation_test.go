package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestARejectedVersionIsTriedFiveTimesInTheFirstTenMinutes(t *testing.T) {
	t.Parallel()
	at, tries := time.Duration(0), []time.Duration{0}
	for n := range 6 {
		at += Turn(n)
		tries = append(tries, at)
	}
	assert.Equal(t, []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 8 * time.Minute, 18 * time.Minute, 28 * time.Minute}, tries)
}

func TestTheReadsForAnotherVersionAreSpacedMoreAndMore(t *testing.T) {
	t.Parallel()
	for n, most := range []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3 * time.Second, 3 * time.Second} {
		for range 100 {
			wait := Window(n)
			assert.LessOrEqual(t, wait, most)
			assert.GreaterOrEqual(t, wait, most/2)
		}
	}
	assert.LessOrEqual(t, Window(1<<40), 3*time.Second)
}
