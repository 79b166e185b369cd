package secrets

import (
	"context"
	"errors"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A retired lease is one that a newer value has replaced. It is left to end by
// itself, for connections made with it live on; Close revokes it.
type retired struct {
	provider *provider
	value    func() Value // a func, so that no printer sees the lease
	expires  time.Time
}

// closeWait is how long Close waits for providers and revocations.
const closeWait = 5 * time.Second

// retire remembers the lease of a value that is not held (any more).
func (r *Resolver) retire(p *provider, v *Value) {
	if v.Lease == nil {
		return
	}
	wall := r.clock.wall()
	kept := r.retired[:0]
	for _, old := range r.retired {
		if old.expires.IsZero() || old.expires.After(wall) {
			kept = append(kept, old)
		}
	}
	lease := *v
	lease.Data = nil
	r.retired = append(kept, retired{p, func() Value { return lease }, lease.Expires})
}

func (r *Resolver) retireVersion(p *provider, v *version) {
	if v.leased() {
		value := v.value()
		r.retire(p, &value)
	}
}

func (d *document) isLeased(r *Resolver) bool {
	r.lock()
	leased := d.leased()
	r.unlock()
	return leased
}

// renew prolongs the lease of the one document in rd. It reports false if the
// document has to be read again.
func (r *Resolver) renew(rd *reading) bool {
	d := rd.flights[0].doc
	rd.spread = policy.Spread()
	r.lock()
	opened, value, alive := rd.provider.given(), d.value.value(), d.usable(r.now())
	r.unlock()
	leaser, ok := opened.(LeaseProvider)
	if !ok || !alive {
		return false
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	defer r.settleLate(rd, r.timeout).Stop()
	start := r.clock.mono()
	results := make([]Result, 1)
	res := &results[0]
	err := r.guard(func() (err error) {
		res.Value, err = leaser.Renew(ctx, value)
		return err
	})
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
		return false
	}
	res.Err = err
	r.noteRead(rd, results, r.clock.mono()-start)
	r.settleAll(rd, results)
	return true
}

// leases returns every lease that is still alive, and forgets them.
func (r *Resolver) leases() []retired {
	all := r.retired
	r.retired = nil
	for _, p := range r.providers {
		for _, f := range p.folders {
			for _, d := range f.docs {
				if d.leased() {
					v := d.value.value()
					all = append(all, retired{p, func() Value { return v }, v.Expires})
				}
			}
		}
	}
	return all
}

// revoke ends leases, within ctx. That it may not is normal: the default
// policies of Vault do not grant it.
func revoke(ctx context.Context, leases []retired) {
	parallel(len(leases), maxRefreshes, func(i int) {
		if leaser, ok := leases[i].provider.given().(LeaseProvider); ok {
			_ = guard(func() error { return leaser.Revoke(ctx, leases[i].value()) })
		}
	})
}
