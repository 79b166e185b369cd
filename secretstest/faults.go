package secretstest

import (
	"context"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// All stands for every path where Fail, FailTimes, Block, Delay and Panic take
// one. What is said about a path itself comes first.
const All = "*"

// pathFaults is what was scripted for one path, or for All.
type pathFaults struct {
	err   error
	times int // how many reads still fail; below zero: all
	gate  chan struct{}
	delay time.Duration
	panic func() any
}

// Fail makes every read of path fail with err, until Fail(path, nil). Use one
// of the classes of package secrets, or [Throttled], [Denied] or
// [Unspellable], or an error of your own. In a batch it fails the path's
// result.
func (p *Provider) Fail(path string, err error) { p.FailTimes(path, -1, err) }

// FailTimes makes the next n reads of path fail with err. With [All] it is n
// reads whatever their paths.
func (p *Provider) FailTimes(path string, n int, err error) {
	p.script(path, func(f *pathFaults) { f.err, f.times = err, n })
}

// FailRenew makes every Renew fail with err, until FailRenew(nil).
// [errors.ErrUnsupported] is what a lease at the end of its life answers.
func (p *Provider) FailRenew(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewErr = err
}

// Block makes reads of path wait until release is called or their context
// ends. What they then read is what the provider holds at that moment. Calls
// tells how many are waiting, as InFlight. A second release does nothing.
func (p *Provider) Block(path string) (release func()) {
	gate := make(chan struct{})
	p.script(path, func(f *pathFaults) {
		if f.gate != nil {
			gate = f.gate
		}
		f.gate = gate
	})
	return func() {
		p.script(path, func(f *pathFaults) {
			if f.gate == gate {
				f.gate = nil
				close(gate)
			}
		})
	}
}

// Delay makes every read of path take d, or less if its context ends; 0 ends
// it. A batch takes as long as its slowest path.
func (p *Provider) Delay(path string, d time.Duration) {
	p.script(path, func(f *pathFaults) { f.delay = d })
}

// Panic makes every read of path panic with value, until Panic(path, nil).
func (p *Provider) Panic(path string, value any) {
	p.script(path, func(f *pathFaults) {
		f.panic = nil
		if value != nil {
			f.panic = func() any { return value } // out of sight of printers
		}
	})
}

// Heal ends all that Fail, FailTimes, FailRenew, Block, Delay and Panic
// began, and releases those who wait.
func (p *Provider) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		if f.gate != nil {
			close(f.gate)
		}
	}
	p.faults, p.renewErr = nil, nil
}

func (p *Provider) script(path string, change func(*pathFaults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults == nil {
		p.faults = make(map[string]*pathFaults)
	}
	if p.faults[path] == nil {
		p.faults[path] = new(pathFaults)
	}
	change(p.faults[path])
}

// wait does what Delay, Block and Panic say about paths, which are read in one
// call.
func (p *Provider) wait(ctx context.Context, paths ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var delay time.Duration
	p.each(paths, func(f *pathFaults) { delay = max(delay, f.delay) })
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		var gate chan struct{}
		var panics func() any
		p.each(paths, func(f *pathFaults) {
			if f.gate != nil {
				gate = f.gate
			}
			if f.panic != nil {
				panics = f.panic
			}
		})
		if gate == nil {
			if panics != nil {
				panic(panics())
			}
			return ctx.Err()
		}
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// each calls do, under the lock, with what is scripted for All, then for each
// path, so that a path's own word is the last.
func (p *Provider) each(paths []string, do func(*pathFaults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.faults[All]; f != nil {
		do(f)
	}
	for _, path := range paths {
		if f := p.faults[path]; f != nil {
			do(f)
		}
	}
}

// fail returns the error that is scripted for one read of path.
func (p *Provider) fail(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range [...]string{path, All} {
		f := p.faults[key]
		if f == nil || f.err == nil || f.times == 0 {
			continue
		}
		if f.times > 0 {
			f.times--
		}
		return f.err
	}
	return nil
}

// Throttled returns an error of class [secrets.ErrThrottled] that asks to be
// left alone for retryAfter; 0: it does not say how long.
func Throttled(retryAfter time.Duration) error {
	return &fault.Error{Class: secrets.ErrThrottled, Msg: "scripted by the test", Retry: retryAfter}
}

// Denied returns an error of class [secrets.ErrPermission] that names the
// permission which is missing.
func Denied(permission string) error {
	return &fault.Error{Class: secrets.ErrPermission, Msg: "scripted by the test", Missing: permission}
}

// Unspellable returns an error of class [secrets.ErrInvalid] that says that
// the backend can hold no document of this name.
func Unspellable() error {
	return &fault.Error{Class: secrets.ErrInvalid, Msg: "scripted by the test", CannotSpell: true}
}

// enter counts a read of paths as begun; the func that it returns counts it
// as ended.
func (p *Provider) enter(paths ...string) (leave func()) {
	p.count(func(c *Calls) {
		c.Reads += len(paths)
		c.InFlight++
		c.MaxInFlight = max(c.MaxInFlight, c.InFlight)
		if p.reads == nil {
			p.reads = make(map[string]int)
		}
		for _, path := range paths {
			p.reads[path]++
		}
	})
	return sync.OnceFunc(func() { p.count(func(c *Calls) { c.InFlight-- }) })
}
