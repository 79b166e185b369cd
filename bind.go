package secrets

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"
)

// A Live is a value that is made of secrets and stays current. [Bind], [BindStruct]
// and [Resolver.Load] make one. It is safe for concurrent use.
type Live[T any] struct {
	value   atomic.Pointer[func() T] // replaced as a whole, never changed; a func, so that no printer sees the value
	err     atomic.Pointer[error]
	running atomic.Pointer[liveRun] // nil: not yet
}

// A liveRun is the goroutine that keeps a Live current.
type liveRun struct {
	ctx  context.Context // ends with the Live, or its resolver
	stop context.CancelFunc
	r    *Resolver
	load *taggedField // the field for which Load made it; nil: Load did not make it
}

// Get returns the current value: one atomic load. The caller must not modify
// anything that T points to. The Get of a nil Live, which Load leaves for an
// optional name that is missing, returns the zero T.
func (l *Live[T]) Get() T {
	if l != nil {
		if v := l.value.Load(); v != nil {
			return (*v)()
		}
	}
	var zero T
	return zero
}

// Err returns an error if Get returns the last good value and not the current one:
// the current version could not be decoded, the secret was deleted, or it has
// expired and cannot be read. Nil: the value is current, as far as is known. A failed
// refresh alone is no error here; [Resolver.Status] shows it.
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

// Bind returns a value that decode makes of the named secret, and makes again
// whenever the bytes of the secret change. If decode returns an error, the Live
// keeps the last good value and [Live.Err] returns that error; if decode panics, too,
// with an error that does not have the panic's value. decode nil: the value is
// decoded as by [Resolver.Load]; r nil: the resolver that [Get] would use. decode
// must return soon: Bind waits for the first call whatever ctx says, and later calls
// delay the updates of this Live.
//
// ctx is for this call only; the Live goes on until it is stopped or the
// resolver is closed. The error is that of [Resolver.Get], or decode's.
func Bind[T any](ctx context.Context, r *Resolver, name string, decode func(Secret) (T, error)) (*Live[T], error) {
	if r == nil {
		var err error
		if r, err = resolverOf(ctx); err != nil {
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
	valueType() reflect.Type
	madeByLoad() bool
	// isFor reports whether Load made the Live for such a field of r, and it runs.
	isFor(r *Resolver, f *taggedField) bool
	Stop()
}

func (l *Live[T]) valueType() reflect.Type { return reflect.TypeFor[T]() }

func (l *Live[T]) madeByLoad() bool {
	run := l.running.Load()
	return run != nil && run.load != nil
}

func (l *Live[T]) isFor(r *Resolver, f *taggedField) bool {
	run := l.running.Load()
	return run != nil && run.load != nil && run.ctx.Err() == nil && run.r == r && run.load.name == f.name && sameText(run.load.fallback, f.fallback)
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// bind starts the Live for a field of Load: it is decoded by its type, and has the
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
	defer func() { // deferred, since decode may end the goroutine
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
			l.set(inGoroutine(func() (T, error) { return made(s, err) }))
			return true
		})
	})
	running = err == nil
	return err
}

// inGoroutine calls f on a goroutine of its own and waits until that ends. If f calls
// [runtime.Goexit], as FailNow of a test does, it returns an error.
func inGoroutine[T any](f func() (T, error)) (v T, err error) {
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

// BindStruct returns a struct that is filled from its tags as by [Resolver.Load],
// and replaced as a whole when one of its secrets changes. The names of one
// document are always from one version of it. r nil: as in [Bind].
func BindStruct[T any](ctx context.Context, r *Resolver) (*Live[T], error) {
	if r == nil {
		var err error
		if r, err = resolverOf(ctx); err != nil {
			return nil, err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	fields, err := boundFields(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	b := &structBinding{r: r, waker: &subscription{woken: make(chan struct{}, 1)}, unwatch: make(map[string]context.CancelFunc)}
	running := false
	defer func() { // deferred, since a type's own method may end the goroutine
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
			v, err := inGoroutine(func() (T, error) { return load(ctx) })
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

// boundFields returns the tagged fields of a struct that BindStruct can fill.
func boundFields(t reflect.Type) ([]taggedField, error) {
	if t.Kind() != reflect.Struct {
		return nil, &Error{Op: "bind", Err: invalid("BindStruct needs a struct, not a %s", t)}
	}
	fields, err := taggedFields(t)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if isLive(f.typ) {
			return nil, &Error{Op: "bind " + f.path, Name: f.name, Err: invalid("a Live cannot be in a struct that is kept current as a whole; use the type that it holds")}
		}
	}
	return fields, nil
}

// A structBinding follows the names of a struct for BindStruct.
type structBinding struct {
	r       *Resolver
	waker   *subscription // of no name: its channel is that of all subs
	subs    []*subscription
	unwatch map[string]context.CancelFunc // ends the watches for names that are missing
	arrived atomic.Bool                   // a missing name may be there
}

// arrive is called when a provider says that a missing name may be there.
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
			_, _ = r.Refresh(ctx, name) // it may be there by now, and only remembered as missing
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
