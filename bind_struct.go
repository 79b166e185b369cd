package secrets

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"
)

// BindStruct returns a struct that is filled from its tags as [Resolver.Load]
// does, and replaced as a whole when one of its secrets changes. Names of one
// document are always of one version of it. r nil: as in [Bind].
func BindStruct[T any](ctx context.Context, r *Resolver) (*Live[T], error) {
	if r == nil {
		var err error
		if r, err = from(ctx); err != nil {
			return nil, err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct {
		return nil, &Error{Op: "bind", Err: invalid("BindStruct needs a struct, not a %s", t)}
	}
	fields, err := taggedFields(t)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if isLive(f.typ) {
			return nil, &Error{Op: "bind " + f.path, Name: f.name, Err: invalid("a Live has no place in a struct that is kept current as a whole; use what it holds")}
		}
	}
	b := &structBinding{r: r, waker: &subscription{woken: make(chan struct{}, 1)}, unwatch: make(map[string]context.CancelFunc)}
	running := false
	defer func() { // also if a type's own method ends the goroutine
		if !running {
			b.end()
		}
	}()
	for _, f := range fields {
		b.subs = append(b.subs, r.subscribeTo(f.name, f.optional || f.fallback != nil, b.waker.woken))
	}
	load := func(ctx context.Context) (v T, err error) {
		err = r.fill(ctx, reflect.ValueOf(&v).Elem(), fields)
		return v, err
	}
	v, err := load(ctx)
	if err != nil {
		return nil, err
	}
	l := new(Live[T])
	l.set(v, nil)
	err = l.run(r, nil, func(ctx context.Context) {
		defer b.end()
		failures := 0
		for b.wait(ctx, l.Err(), failures) {
			v, err := apart(func() (T, error) { return load(ctx) })
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return
			}
			if failures++; err == nil {
				failures = 0
			}
			l.set(v, err)
		}
	})
	if running = err == nil; !running {
		return nil, err
	}
	return l, nil
}

// A structBinding is what BindStruct follows.
type structBinding struct {
	r       *Resolver
	waker   *subscription // of no name: its channel is that of all subs
	subs    []*subscription
	unwatch map[string]context.CancelFunc // of the watches for names that are missing
	arrived atomic.Bool                   // one of these may be there
}

// arrive is a provider's word that a missing name may be there.
func (b *structBinding) arrive() {
	b.arrived.Store(true)
	b.waker.signal()
}

// wait waits until the struct is to be filled again. It reports false when the
// context or the resolver has ended.
func (b *structBinding) wait(ctx context.Context, err error, failures int) bool {
	r := b.r
	var poll time.Duration
	missing := make(map[string]bool)
	for _, s := range b.subs {
		tx := r.cache.Lock()
		found := s.entry == nil || s.entry.doc != nil
		tx.Unlock()
		why := err
		if !found {
			why = ErrNotFound
			missing[s.entry.name] = true
			if b.unwatch[s.entry.name] == nil {
				b.unwatch[s.entry.name] = r.watchMissing(s.entry.name, b.arrive)
			}
		}
		if s.entry != nil {
			if d := r.pollAfter(s, s.entry.name, why, failures); d > 0 && (poll == 0 || d < poll) {
				poll = d
			}
		}
	}
	for name, unwatch := range b.unwatch {
		if !missing[name] {
			unwatch()
			delete(b.unwatch, name)
		}
	}
	if _, ok := b.waker.wait(ctx, r, poll); !ok {
		return false
	}
	if b.arrived.Swap(false) {
		for name := range missing {
			_, _ = r.Refresh(ctx, name) // it may have come since its absence was remembered
		}
	}
	return true
}

func (b *structBinding) end() {
	for _, s := range b.subs {
		b.r.unsubscribe(s)
	}
	for _, unwatch := range b.unwatch {
		unwatch()
	}
}
