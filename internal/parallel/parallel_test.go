package parallel_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets/internal/parallel"
)

func TestEach(t *testing.T) {
	t.Run("calls each index once", func(t *testing.T) {
		for _, n := range []int{0, 1, 2, 50} {
			seen := make([]atomic.Int32, n)
			parallel.Each(n, 7, func(i int) { seen[i].Add(1) })
			for i := range seen {
				assert.Equal(t, int32(1), seen[i].Load(), "%d of %d", i, n)
			}
		}
	})

	t.Run("has at most so many under way, and one where the limit says none", func(t *testing.T) {
		for limit, want := range map[int]int32{0: 1, 1: 1, 4: 4} {
			synctest.Test(t, func(t *testing.T) {
				var now, most atomic.Int32
				parallel.Each(20, limit, func(int) {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second)
					now.Add(-1)
				})
				assert.Equal(t, want, most.Load())
			})
		}
	})

	t.Run("panics in its caller's goroutine, when all have returned", func(t *testing.T) {
		var calls atomic.Int32
		assert.PanicsWithValue(t, "three", func() {
			parallel.Each(5, 2, func(i int) {
				calls.Add(1)
				if i == 3 {
					panic("three")
				}
			})
		})
		assert.Equal(t, int32(5), calls.Load())
	})

	t.Run("returns though a call ends its goroutine", func(t *testing.T) {
		var calls atomic.Int32
		parallel.Each(5, 2, func(i int) {
			calls.Add(1)
			if i == 3 {
				runtime.Goexit()
			}
		})
		assert.Equal(t, int32(5), calls.Load())
	})
}
