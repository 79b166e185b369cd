package secrets

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
)

// A Live is a value made of secrets that stays current. [Bind], [BindStruct]
// and [Resolver.Load] make one. It is safe for concurrent use.
type Live[T any] struct {
	value atomic.Pointer[T] // replaced as a whole, never changed
	err   atomic.Pointer[error]
	stop  atomic.Pointer[context.CancelFunc]
}

// Get returns the current value: one atomic load. The caller must not modify
// what T points to. A nil Live, which Load leaves for an optional name that is
// missing, has the zero T.
func (l *Live[T]) Get() T {
	if l == nil {
		var zero T
		return zero
	}
	return *l.value.Load()
}

// Err returns why Get is behind: the current version could not be decoded, or
// the secret was deleted, so that Get returns the last good value. Nil: it is
// current, as far as is known.
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
	if stop := l.stop.Load(); stop != nil {
		(*stop)()
	}
}

func (l *Live[T]) set(v T, err error) {
	if err != nil {
		l.err.Store(&err)
		return
	}
	l.value.Store(&v)
	l.err.Store(nil)
}

// Bind returns a value that is made of the named secret by decode, and made
// again whenever its bytes change. A version that decode refuses leaves the
// last good value, and [Live.Err] tells. decode nil: as [Resolver.Load] would;
// r nil: the resolver that [Get] would use. decode must not keep ctx's
// deadline waiting: it runs on the Live's own goroutine.
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
	if err := l.start(ctx, r, name, decode); err != nil {
		return nil, err
	}
	return l, nil
}

// A binder is a *Live[T], whatever T is.
type binder interface {
	bind(ctx context.Context, r *Resolver, name string) error
}

func (l *Live[T]) bind(ctx context.Context, r *Resolver, name string) error {
	return l.start(ctx, r, name, nil)
}

func (l *Live[T]) start(ctx context.Context, r *Resolver, name string, decode func(Secret) (T, error)) error {
	if decode == nil {
		if t := reflect.TypeFor[T](); !decodable(t) {
			return &Error{Op: "bind", Name: name, Err: invalid("a %s cannot hold a secret", t)}
		}
		decode = decodeAs[T]
	}
	if r.err != nil {
		return r.err
	}
	if _, err := r.newTarget(name); err != nil {
		return &Error{Op: "bind", Name: name, Err: err}
	}
	sub := r.subscribe(name)
	s, err := r.Get(ctx, name)
	if err != nil {
		r.unsubscribe(sub)
		return err
	}
	v, err := decode(s)
	if err != nil {
		r.unsubscribe(sub)
		return &Error{Op: "bind", Name: name, Err: err}
	}
	l.set(v, nil)
	return l.run(r, func(ctx context.Context) {
		defer r.unsubscribe(sub)
		r.follow(ctx, sub, name, s, func(s Secret, err error) bool {
			var v T
			if err == nil {
				v, err = decode(s)
			}
			l.set(v, err)
			return true
		})
	})
}

// run starts the goroutine that keeps the Live current.
func (l *Live[T]) run(r *Resolver, f func(context.Context)) error {
	ctx, stop := context.WithCancel(r.ctx)
	l.stop.Store(&stop)
	r.mu.Lock()
	defer r.unlock()
	if r.closed {
		stop()
		return &Error{Op: "bind", Err: ErrClosed}
	}
	r.spawn(func() {
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
	woken := make(chan struct{}, 1)
	var subs []*subscription
	for _, f := range fields {
		subs = append(subs, r.subscribeTo(f.name, woken))
	}
	unsubscribe := func() {
		for _, s := range subs {
			r.unsubscribe(s)
		}
	}
	load := func(ctx context.Context) (v T, err error) {
		err = r.fill(ctx, reflect.ValueOf(&v).Elem(), fields)
		return v, err
	}
	v, err := load(ctx)
	if err != nil {
		unsubscribe()
		return nil, err
	}
	l := new(Live[T])
	l.set(v, nil)
	any := &subscription{woken: woken}
	return l, l.run(r, func(ctx context.Context) {
		defer unsubscribe()
		failures := 0
		for any.wait(ctx, r, r.pollAfter(l.Err(), failures)) {
			v, err := load(ctx)
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return
			}
			if failures++; err == nil {
				failures = 0
			}
			l.set(v, err)
		}
	})
}
