// Package parallel calls a function several times at once.
package parallel

import (
	"sync"
	"sync/atomic"
)

// Each calls f(0) … f(n-1), at most limit at once (one, if limit is less), and
// returns when all have returned. If one of them panics, Each does so in the
// goroutine of its caller, who may recover. A call that ends its goroutine
// (runtime.Goexit) has returned.
func Each(n, limit int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var all sync.WaitGroup
	var panicked atomic.Pointer[any]
	slots := make(chan struct{}, max(limit, 1))
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panicked.Store(&p)
				}
				<-slots
			}()
			f(i)
		})
	}
	all.Wait()
	if p := panicked.Load(); p != nil {
		panic(*p)
	}
}
