package secrets

import "time"

// linger is how long a goroutine that has called a provider waits for the next
// call. Its stack has grown to what an SDK needs, and growing another one costs
// more than everything else that the resolver adds to a read.
const linger = 2 * time.Second

// spawnReader runs f, which calls a provider that may end its goroutine, on one
// that waits for work, or on a new one. It is called as spawn is.
func (r *Resolver) spawnReader(f func()) {
	select {
	case r.reads <- f:
		return
	default:
	}
	r.spawn(func() {
		f()
		if !r.onDemand { // that has no goroutine when nobody waits
			r.readMore()
		}
	})
}

// readMore runs what is to be called until nothing has been for a while.
func (r *Resolver) readMore() {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		select {
		case f := <-r.reads:
			f()
			timer.Reset(linger)
		case <-timer.C:
			return
		case <-r.ctx.Done():
			return
		}
	}
}
