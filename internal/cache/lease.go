package cache

import (
	"context"

	"github.com/go-secrets/secrets/internal/parallel"
	"github.com/go-secrets/secrets/internal/policy"
)

// A retired lease is one whose version is not held any more. It ends by itself,
// since connections that were made with it are still open; Close revokes it. The
// bytes of the version are not kept for that.
type retired struct {
	backend *Backend
	version *Version
}

// retire remembers the lease of a version that is not held, or not any more.
func (tx Tx) retire(b *Backend, v *Version) {
	if v == nil || !v.Leased() {
		return
	}
	c := tx.c
	wall := c.Wall()
	kept := c.retired[:0]
	for _, old := range c.retired {
		if ends := old.version.Expires(); ends.IsZero() || ends.After(wall) {
			kept = append(kept, old)
		}
	}
	c.retired = append(kept, retired{b, v.leaseAlone()})
}

// renew renews the lease of the one document in rd. It reports false if the
// document must be read instead.
func (c *Cache) renew(rd *Reading) bool {
	d := rd.flights[0].doc
	rd.spread = policy.Spread()
	tx := c.Lock()
	version, alive := d.version, d.leased() && d.servable(tx.Now())
	tx.Unlock()
	if !alive {
		return false
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.Timeout)
	defer cancel()
	defer c.settleLate(rd, c.Timeout).Stop()
	answer, renewed := rd.backend.Renew(ctx, version)
	if !renewed {
		return false
	}
	c.noteCall(rd, answer)
	c.settle(rd, answer.Outcomes)
	return true
}

// Close marks the Cache as closed: it reads, keeps and serves nothing any more. The
// caller must then release the lock and call Drain.
func (tx Tx) Close() {
	c := tx.cache()
	c.closed = true
	for d := range tx.Docs() {
		c.owner.Changed(tx, d, Withdrawn)
		if d.leased() {
			c.retired = append(c.retired, retired{d.space.backend, d.version})
		}
	}
}

// Drain ends every goroutine of a Cache that is closed and, if revoke is true,
// revokes its leases. It returns when ctx ends at the latest, and reports whether
// the goroutines have ended.
func (c *Cache) Drain(ctx context.Context, revoke bool) (ended bool) {
	c.cancel()
	revoked := make(chan struct{})
	go func() {
		defer close(revoked)
		if revoke {
			c.revoke(ctx)
		}
	}()
	ended = within(ctx, c.work.Wait)
	within(ctx, func() {
		<-revoked
		if revoke {
			c.revoke(ctx) // the leases that came from reads which were under way
		}
	})
	return ended
}

// revoke revokes the retired leases. It ignores errors: the default policies of
// Vault do not permit a revocation.
func (c *Cache) revoke(ctx context.Context) {
	tx := c.Lock()
	leases := c.retired
	c.retired = nil
	tx.Unlock()
	parallel.Each(len(leases), maxRefreshes, func(i int) {
		leases[i].backend.Revoke(ctx, leases[i].version)
	})
}

// within calls f, and reports whether it returned before ctx ended.
func within(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
