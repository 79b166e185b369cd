package load

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAReadThatBlocksStandsForThoseThatWereDueMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		p := Pace(t.Context(), 100*time.Millisecond, time.Millisecond, 1, func(context.Context, int) error {
			if n.Add(1) == 11 {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
		assert.InDelta(t, 100, len(p.Times), 3)
		assert.Equal(t, 50*time.Millisecond, Quantile(p.Times, 1))
		assert.InDelta(t, float64(25*time.Millisecond), float64(Quantile(p.Times, 0.75)), float64(4*time.Millisecond))
	})
}

func TestAReadThatNeverReturnsCountsWithTheTimeUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := Pace(t.Context(), 100*time.Millisecond, time.Millisecond, 2, func(context.Context, int) error {
			<-release
			return nil
		})
		close(release)
		assert.InDelta(t, 240, len(p.Times), 4, "those that were due are there, until 20 ms past the end")
		assert.Equal(t, 120*time.Millisecond, Quantile(p.Times, 1))
	})
}

func TestAQuantileIsWhatAShareDoesNotExceed(t *testing.T) {
	all := []time.Duration{3, 1, 2, 4}
	assert.Equal(t, time.Duration(1), Quantile(all, 0))
	assert.Equal(t, time.Duration(3), Median(all))
	assert.Equal(t, time.Duration(4), Quantile(all, 1))
	assert.Zero(t, Median(nil))
}

func TestOrderHasEveryNameAndNoneAtItsOwnAddress(t *testing.T) {
	names := Names("n", 10)
	seen := map[string]bool{}
	for _, name := range Order(names) {
		seen[name] = true
	}
	assert.Len(t, seen, 10)
	assert.Len(t, Order(names), Slots)
}
