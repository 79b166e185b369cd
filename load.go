package secrets

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Load fills the struct that dst points to from its tags:
//
//	type Config struct {
//		Password secrets.Secret        `secret:"db/password"`
//		Port     int                   `secret:"db/port,default=5432"`
//		Proxy    *url.URL              `secret:"proxy,optional"`
//		Stripe   struct {
//			Key string `secret:"key"`
//		} `secret:"stripe/"`
//		Token *secrets.Live[string]    `secret:"api/token"`
//	}
//
// A field may be a [Secret], string, []byte, bool, number, [time.Duration],
// [url.URL], an [encoding.TextUnmarshaler], a struct, map or slice that is read
// as JSON, a pointer to any of these, or a *[Live], which stays current. A
// struct, or a pointer to one, whose tag ends in a slash prefixes the names in
// it, and one without a tag is looked into; a nil pointer then gets a struct as
// soon as one of its names is found. The option optional leaves the field as it
// is when the name is missing; default= (last, the rest of the tag) is what it
// then reads.
//
// All names are read together. If anything is wrong, dst is left as it was,
// and the error joins every failure by name: the tags first, as [ErrInvalid],
// before anything is read. A tag that Load cannot reach is such an error: one
// in a field that is not exported, in a slice, array, map or interface, or in a
// struct that is read as JSON since its own tag has no slash. The tag "-" has
// Load leave a field alone, whatever is in it. Errors do not quote values, and
// a panic in a type's UnmarshalText or UnmarshalJSON is an error, too.
//
// Load sets the fields that have a name, and nothing else: others may be used
// meanwhile. Called again on the same struct, it leaves a Live alone that it
// has made for that name of this Resolver and that still runs, and stops one
// that it replaces.
func (r *Resolver) Load(ctx context.Context, dst any) error {
	if r.err != nil {
		return r.err
	}
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		what := fmt.Sprintf("%T", dst)
		if v.Kind() == reflect.Pointer && v.IsNil() {
			what = "a nil " + what
		}
		return &Error{Op: "load", Err: invalid("the destination must be a non-nil pointer to a struct, not %s", what)}
	}
	w := walkTags(v.Elem().Type())
	for _, f := range w.unseen {
		if inner := peek(v.Elem(), f.index); inner.IsValid() && !inner.IsNil() && holdsTags(inner.Elem().Type()) {
			w.refuse(f, "there are tags in the %s that it holds, which is not filled by tags; if Load is to leave it alone, tag it %s", inner.Elem().Type(), `secret:"-"`)
		}
	}
	if err := errors.Join(w.errs...); err != nil {
		return err
	}
	return r.fill(ctx, v.Elem(), w.fields)
}

// A filling is what Load has found for a struct, before any of it is stored.
type filling struct {
	r       *Resolver
	into    reflect.Value
	missing map[string]error // why, by name
	started []binder         // the Lives that were made
	over    []binder         // those that they take the place of
}

// fill reads the names of fields and stores them in v, all or nothing.
func (r *Resolver) fill(ctx context.Context, v reflect.Value, fields []taggedField) error {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	found, errs := r.preload(ctx, names)
	l := &filling{r: r, into: v, missing: make(map[string]error)}
	var failures []error
	for _, err := range errs {
		var e *Error
		if errors.Is(err, ErrNotFound) && errors.As(err, &e) {
			l.missing[e.Name] = err
			continue
		}
		failures = append(failures, err)
	}
	stored := false
	defer func() { // also if a type's own method ends the goroutine
		lives := l.started
		if stored {
			lives = l.over
		}
		for _, live := range lives {
			live.Stop()
		}
	}()
	values := make([]reflect.Value, len(fields))
	for i := range fields {
		f := &fields[i]
		var err error
		if values[i], err = l.value(ctx, f, found[i]); err == nil {
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			err = &Error{Op: "load " + strings.TrimPrefix(f.path, "."), Name: f.name, Err: err}
		}
		failures = append(failures, err)
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	for i, value := range values {
		if value.IsValid() {
			fields[i].in(v).Set(value)
		}
	}
	stored = true
	return nil
}

// value returns what a field is to hold, or the zero Value if it is to stay as
// it is.
func (l *filling) value(ctx context.Context, f *taggedField, found Secret) (reflect.Value, error) {
	missing := l.missing[f.name]
	switch {
	case missing != nil && f.fallback == nil && f.optional:
		return reflect.Value{}, nil
	case missing != nil && f.fallback == nil:
		return reflect.Value{}, missing
	case missing == nil && found.IsZero():
		return reflect.Value{}, nil // its failure is told
	case isLive(f.typ):
		return l.live(ctx, f, found)
	}
	value := reflect.New(f.typ).Elem()
	if missing != nil {
		return value, decodeText(value, *f.fallback)
	}
	return value, decodeSecret(value, found)
}

// live returns a new Live for a field, unless the one that is there will do.
func (l *filling) live(ctx context.Context, f *taggedField, found Secret) (reflect.Value, error) {
	if old := peek(l.into, f.index); old.IsValid() && !old.IsNil() {
		held := old.Interface().(binder)
		if held.follows(l.r, f) {
			if found.IsZero() {
				return reflect.Value{}, nil
			}
			return reflect.Value{}, decodeSecret(reflect.New(held.holds()).Elem(), found)
		}
		if held.loaded() {
			l.over = append(l.over, held)
		}
	}
	value := reflect.New(f.typ.Elem())
	live := value.Interface().(binder)
	if err := live.bind(ctx, l.r, f); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Op == "bind" {
			return reflect.Value{}, e.Err // which is given its place by fill, as others are
		}
		return reflect.Value{}, err
	}
	l.started = append(l.started, live)
	return value, nil
}
