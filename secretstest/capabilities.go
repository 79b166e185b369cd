package secretstest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// A Capability is one of the optional interfaces of package secrets, or
// several of them, joined with |.
type Capability uint8

// What a [Provider] can do beside Fetch. All are on at first; the methods of
// one that is off answer [errors.ErrUnsupported].
const (
	Batch Capability = 1 << iota // secrets.BatchProvider
	List                         // secrets.ListProvider
	Watch                        // secrets.WatchProvider
	Lease                        // secrets.LeaseProvider
)

// Disable takes capabilities away. Watches that run go on.
func (p *Provider) Disable(c Capability) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off |= c
}

// Enable gives capabilities back.
func (p *Provider) Enable(c Capability) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off &^= c
}

// can reports whether a capability is on, and counts the call: as what add
// says if so, as unsupported if not.
func (p *Provider) can(c Capability, add func(*Calls)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off&c != 0 {
		p.calls.Unsupported++
		return false
	}
	add(&p.calls)
	return true
}

// FetchBatch reads every ref as Fetch does, in one call.
func (p *Provider) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	results := make([]secrets.Result, len(refs))
	failAll := func(err error) []secrets.Result {
		for i := range results {
			results[i] = secrets.Result{Err: err}
		}
		return results
	}
	if !p.can(Batch, func(c *Calls) { c.Batches++ }) {
		return failAll(errors.ErrUnsupported)
	}
	paths := make([]string, len(refs))
	for i, ref := range refs {
		paths[i] = ref.Join()
	}
	defer p.enter(paths...)()
	if err := p.wait(ctx, paths...); err != nil {
		return failAll(err)
	}
	for i, path := range paths {
		results[i].Value, results[i].Err = p.read(ctx, path)
	}
	return results
}

// List yields the paths that start with prefix, sorted. What Fail and Block
// say about [All] holds for it, too.
func (p *Provider) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if !p.can(List, func(c *Calls) { c.Lists++ }) {
			yield("", errors.ErrUnsupported)
			return
		}
		err := p.wait(ctx)
		if err == nil {
			err = p.fail(All)
		}
		if err != nil {
			yield("", err)
			return
		}
		var paths []string
		p.mu.Lock()
		for path := range p.docs {
			if strings.HasPrefix(path, prefix) {
				paths = append(paths, path)
			}
		}
		p.mu.Unlock()
		slices.Sort(paths)
		for _, path := range paths {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(path, nil) {
				return
			}
		}
	}
}

// A watcher is one Watch that runs.
type watcher struct{ changed func() }

// Watch has changed called, by the goroutine that changes it, whenever the
// document at ref.Join() is set or deleted, until ctx ends.
func (p *Provider) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	if !p.can(Watch, func(c *Calls) { c.Watches++ }) {
		return errors.ErrUnsupported
	}
	path := ref.Join()
	if err := p.wait(ctx, path); err != nil {
		return err
	}
	w := &watcher{changed: changed}
	p.mu.Lock()
	if p.watchers == nil {
		p.watchers = make(map[string]map[*watcher]struct{})
	}
	if p.watchers[path] == nil {
		p.watchers[path] = make(map[*watcher]struct{})
	}
	p.watchers[path][w] = struct{}{}
	p.mu.Unlock()
	context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers[path], w)
		if len(p.watchers[path]) == 0 {
			delete(p.watchers, path)
		}
	})
	return nil
}

// Changed tells the watchers of path to read again, although nothing has
// changed.
func (p *Provider) Changed(path string) { p.notify(path) }

// notify calls the watchers of path, outside of the lock: they may read.
func (p *Provider) notify(path string) {
	p.mu.Lock()
	var all []*watcher
	for w := range p.watchers[path] {
		all = append(all, w)
	}
	p.mu.Unlock()
	for _, w := range all {
		w.changed()
	}
}

// A lease is one that was handed out.
type lease struct {
	path         string
	ttl, refresh time.Duration // from the read to Expires and to RefreshAt; 0: none
}

// lent remembers the lease of a value that is handed out.
func (p *Provider) lent(path string, v secrets.Value) {
	if !reflect.ValueOf(v.Lease).Comparable() {
		return
	}
	l := lease{path: path}
	if !v.Expires.IsZero() {
		l.ttl = time.Until(v.Expires)
	}
	if !v.RefreshAt.IsZero() {
		l.refresh = time.Until(v.RefreshAt)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leases == nil {
		p.leases = make(map[any]lease)
	}
	p.leases[v.Lease] = l
}

func (p *Provider) lease(v secrets.Value) (lease, bool) {
	if v.Lease == nil || !reflect.ValueOf(v.Lease).Comparable() {
		return lease{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.leases[v.Lease]
	return l, ok
}

// Renew gives the lease of v as much time, from now, as it had when it was
// handed out. A lease that is unknown or was revoked is
// [errors.ErrUnsupported]. What Fail, Block and Delay say about the path of
// its document holds for it, too.
func (p *Provider) Renew(ctx context.Context, v secrets.Value) (secrets.Value, error) {
	if !p.can(Lease, func(c *Calls) { c.Renewals++ }) {
		return secrets.Value{}, errors.ErrUnsupported
	}
	l, ok := p.lease(v)
	if !ok {
		return secrets.Value{}, errors.ErrUnsupported
	}
	if err := p.wait(ctx, l.path); err != nil {
		return secrets.Value{}, err
	}
	p.mu.Lock()
	err := p.renewErr
	p.mu.Unlock()
	if err == nil {
		err = p.fail(l.path)
	}
	if err != nil {
		return secrets.Value{}, err
	}
	now := time.Now()
	if l.ttl > 0 {
		v.Expires = now.Add(l.ttl)
	}
	if l.refresh > 0 {
		v.RefreshAt = now.Add(l.refresh)
	}
	return v, nil
}

// Revoke ends the lease of v. One that is unknown is [secrets.ErrNotFound].
func (p *Provider) Revoke(ctx context.Context, v secrets.Value) error {
	if !p.can(Lease, func(c *Calls) { c.Revocations++ }) {
		return errors.ErrUnsupported
	}
	l, ok := p.lease(v)
	if !ok {
		return fault.New(secrets.ErrNotFound, "no such lease", nil)
	}
	if err := p.wait(ctx, l.path); err != nil {
		return err
	}
	if err := p.fail(l.path); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.leases, v.Lease)
	return nil
}
