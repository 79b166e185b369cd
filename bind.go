package secrets

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"
)

// A Live is a value made of secrets that stays current. [Bind], [BindStruct]
// and [Resolver.Load] make one. It is safe for concurrent use.
type Live[T any] struct {
	value   atomic.Pointer[func() T] // replaced as a whole, never changed; a func, so that no printer sees the value
	err     atomic.Pointer[error]
	running atomic.Pointer[liveRun] // nil: not yet
}

// A liveRun is the goroutine that keeps a Live current, and what for.
type liveRun struct {
	ctx  context.Context // ends with the Live, or its resolver
	stop context.CancelFunc
	r    *Resolver
	load *taggedField // what Load made it for; nil: Load did not
}

// Get returns the current value: one atomic load. The caller must not modify
// what T points to. A nil Live, which Load leaves for an optional name that is
// missing, has the zero T.
func (l *Live[T]) Get() T {
	if l != nil {
		if v := l.value.Load(); v != nil {
			return (*v)()
		}
	}
	var zero T
	return zero
}

// Err returns why Get is behind: the current version could not be decoded, the
// secret was deleted, or it has expired and cannot be read, so that Get returns
// the last good value. Nil: it is current, as far as is known; a failed refresh
// alone is told by [Resolver.Status].
func (l *Live[T]) Err() error {
	if l == nil {
		return nil
	}
	if err := l.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Stop ends the updates; Get goes on returning the last value. Closing the
// resolver does the same.
func (l *Live[T]) Stop() {
	if l == nil {
		return
	}
	if run := l.running.Load(); run != nil {
		run.stop()
	}
}

func (l *Live[T]) set(v T, err error) {
	if err != nil {
		l.err.Store(&err)
		return
	}
	value := func() T { return v }
	l.value.Store(&value)
	l.err.Store(nil)
}

// Bind returns a value that is made of the named secret by decode, and made
// again whenever its bytes change. A version that decode refuses leaves the
// last good value, and [Live.Err] tells; a panic of decode is such a refusal,
// told without the panic's value. decode nil: as [Resolver.Load] would; r nil:
// the resolver that [Get] would use. decode must not keep ctx's deadline
// waiting: it runs on the Live's own goroutine.
//
// ctx bounds this call alone; the Live goes on until it is stopped or the
// resolver is closed. The error is that of [Resolver.Get], or decode's.
func Bind[T any](ctx context.Context, r *Resolver, name string, decode func(Secret) (T, error)) (*Live[T], error) {
	if r == nil {
		var err error
		if r, err = from(ctx); err != nil {
			return nil, err
		}
	}
	l := new(Live[T])
	if decode == nil {
		if t := reflect.TypeFor[T](); !decodable(t) {
			return nil, &Error{Op: "bind", Name: brief(name), Err: invalid("a %s cannot hold a secret", t)}
		} else if ignoresTags(t) {
			return nil, &Error{Op: "bind", Name: brief(name), Err: invalid("there are tags in the %s, which is read as JSON; use BindStruct, or take them out", t)}
		}
		decode = decodeAs[T]
	}
	if err := l.start(ctx, r, name, decode, nil, nil); err != nil {
		return nil, err
	}
	return l, nil
}

// A binder is a *Live[T], whatever T is.
type binder interface {
	bind(ctx context.Context, r *Resolver, f *taggedField) error
	holds() reflect.Type
	loaded() bool                             // by Load
	follows(r *Resolver, f *taggedField) bool // and is what bind would make
	Stop()
}

func (l *Live[T]) holds() reflect.Type { return reflect.TypeFor[T]() }

func (l *Live[T]) loaded() bool {
	run := l.running.Load()
	return run != nil && run.load != nil
}

func (l *Live[T]) follows(r *Resolver, f *taggedField) bool {
	run := l.running.Load()
	return run != nil && run.load != nil && run.ctx.Err() == nil && run.r == r && run.load.name == f.name && sameText(run.load.fallback, f.fallback)
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// bind makes the Live one that Load would: decoded by its type, and the
// default while the name is missing.
func (l *Live[T]) bind(ctx context.Context, r *Resolver, f *taggedField) error {
	var fallback *T
	if f.fallback != nil {
		fallback = new(T)
		if err := decodeText(reflect.ValueOf(fallback).Elem(), *f.fallback); err != nil {
			return err
		}
	}
	return l.start(ctx, r, f.name, decodeAs[T], fallback, f)
}

func (l *Live[T]) start(ctx context.Context, r *Resolver, name string, decode func(Secret) (T, error), fallback *T, load *taggedField) error {
	if r.err != nil {
		return r.err
	}
	if _, err := r.newTarget(name); err != nil {
		return &Error{Op: "bind", Name: brief(name), Err: err}
	}
	sub := r.subscribe(name, fallback != nil)
	running := false
	defer func() { // also if decode ends the goroutine
		if !running {
			r.unsubscribe(sub)
		}
	}()
	made := func(s Secret, err error) (v T, _ error) {
		if err == nil {
			err = decoding(func() (err error) {
				v, err = decode(s)
				return err
			})
			if err != nil {
				err = &Error{Op: "bind", Name: brief(name), Err: err}
			}
		}
		if fallback != nil && errors.Is(err, ErrNotFound) {
			return *fallback, nil
		}
		return v, err
	}
	s, err := r.get(ctx, name, untilTimeout, true)
	if err != nil && (fallback == nil || !errors.Is(err, ErrNotFound)) {
		return err
	}
	v, err := made(s, err)
	if err != nil {
		return err
	}
	l.set(v, nil)
	err = l.run(r, load, func(ctx context.Context) {
		defer r.unsubscribe(sub)
		r.follow(ctx, sub, name, s, true, func(s Secret, err error) bool {
			l.set(apart(func() (T, error) { return made(s, err) }))
			return true
		})
	})
	running = err == nil
	return err
}

// apart calls f on a goroutine of its own and waits for its end, which may be
// a [runtime.Goexit] in f, as a test's FailNow is. That is an error here.
func apart[T any](f func() (T, error)) (v T, err error) {
	err = &Error{Op: "bind", Err: invalid("decoding ended its goroutine")}
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, err = f()
	}()
	<-done
	return v, err
}

// run starts the goroutine that keeps the Live current.
func (l *Live[T]) run(r *Resolver, load *taggedField, f func(context.Context)) error {
	ctx, stop := context.WithCancel(r.cache.Context())
	l.running.Store(&liveRun{ctx, stop, r, load})
	tx := r.cache.Lock()
	defer tx.Unlock()
	if tx.Closed() {
		stop()
		return &Error{Op: "bind", Err: ErrClosed}
	}
	r.cache.Go(func() {
		defer stop()
		f(ctx)
	})
	return nil
}

func decodeAs[T any](s Secret) (T, error) {
	var v T
	err := decodeSecret(reflect.ValueOf(&v).Elem(), s)
	return v, err
}

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
