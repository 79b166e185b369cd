package secretsql

import (
	"errors"
	"reflect"
	"slices"
)

// scrub returns err without the password, which errors of drivers and URL
// parsers quote that quote what they were given to connect with. What does not
// quote it stays as it is, with all that it wraps: [errors.Is] and [errors.As]
// find what they would have found, the driver's own error among it. Of that,
// texts that quote the password are replaced in a copy.
func scrub(err error, c Credentials) (clean error) {
	q := quotedAs(c.Password.Reveal(), c.User, c.Host, c.Database)
	if err == nil || q.forms == nil {
		return err
	}
	defer func() {
		if recover() != nil { // a method of the error panicked, perhaps with the password
			clean = errUnreadable
		}
	}()
	clean = q.clean(err)
	if text := clean.Error(); q.isIn(text) {
		clean = &scrubbed{text: q.redact(text), causes: []error{clean}, is: identity(err)}
	}
	return clean
}

var errUnreadable = errors.New("secretsql: the connection failed, and the driver's error panics when it is asked what it is")

// clean returns an error of the tree, and what it wraps, without the password.
func (q quoted) clean(err error) error {
	v := reflect.ValueOf(err)
	holds := q.holder()
	inFields := holds.in(v, 0)
	if !inFields && !q.isInTree(err, 0) {
		return err
	}
	if !inFields && !holds.opaque {
		return err // the text is made of what is no text, a port that is the password's number
	}
	if alike, ok := q.alike(v); ok {
		return alike
	}
	e := &scrubbed{text: q.redact(err.Error()), is: identity(err)}
	for _, inner := range wrapped(err) {
		e.causes = append(e.causes, q.clean(inner))
	}
	return e
}

// wrapped returns what an error wraps, none of it nil.
func wrapped(err error) (all []error) {
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		all = []error{wrapper.Unwrap()}
	case interface{ Unwrap() []error }:
		all = slices.Clone(wrapper.Unwrap())
	}
	return slices.DeleteFunc(all, func(inner error) bool { return inner == nil })
}

// isInTree reports whether the text of an error, or of one that it wraps,
// quotes the password.
func (q quoted) isInTree(err error, depth int) bool {
	return depth <= deepest && (q.isIn(err.Error()) || slices.ContainsFunc(wrapped(err), func(inner error) bool { return q.isInTree(inner, depth+1) }))
}

// alike returns an error of the same type without the password, if that can be
// made: by changing texts and wrapped errors that are in exported fields.
func (q quoted) alike(v reflect.Value) (error, bool) {
	isPointer := v.Kind() == reflect.Pointer
	if isPointer {
		v = v.Elem()
	}
	made := reflect.New(v.Type())
	to := made.Elem()
	switch v.Kind() {
	case reflect.String:
		to.SetString(q.redact(v.String()))
	case reflect.Struct:
		if hasLock(v.Type()) {
			return nil, false
		}
		to.Set(v)
		for i := range to.NumField() {
			field := to.Field(i)
			if !field.CanSet() {
				continue
			}
			if field.Kind() == reflect.String {
				field.SetString(q.redact(field.String()))
			} else if inner, ok := field.Interface().(error); ok && field.Kind() == reflect.Interface {
				if clean := reflect.ValueOf(q.clean(inner)); clean.Type().AssignableTo(field.Type()) {
					field.Set(clean)
				}
			}
		}
	default:
		return nil, false
	}
	if q.holder().in(to, 0) {
		return nil, false
	}
	if !isPointer {
		made = to
	}
	err, ok := made.Interface().(error)
	return err, ok && !q.isInTree(err, 0)
}

// hasLock reports whether a type must not be copied.
func hasLock(t reflect.Type) bool {
	if t.PkgPath() == "sync" || t.PkgPath() == "sync/atomic" {
		return true
	}
	for i := range t.NumField() {
		if f := t.Field(i).Type; f.Kind() == reflect.Struct && hasLock(f) {
			return true
		}
	}
	return false
}

// A holder looks for the password in all that an error reaches.
type holder struct {
	quoted
	seen   map[uintptr]bool
	left   int  // values that may be looked at
	opaque bool // it met what cannot be looked into
}

// An error is looked into so deep, and at so many values.
const (
	deepest = 20
	most    = 10_000
)

func (q quoted) holder() *holder {
	return &holder{quoted: q, seen: make(map[uintptr]bool), left: most}
}

func (h *holder) in(v reflect.Value, depth int) bool {
	if h.left--; depth > deepest || h.left < 0 {
		h.opaque = true
		return false
	}
	switch v.Kind() {
	case reflect.String:
		return h.isIn(v.String())
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		h.opaque = h.opaque || !v.IsZero()
	case reflect.Pointer:
		if v.IsNil() || h.seen[v.Pointer()] {
			return false
		}
		h.seen[v.Pointer()] = true
		return h.in(v.Elem(), depth+1)
	case reflect.Interface:
		return !v.IsNil() && h.in(v.Elem(), depth+1)
	case reflect.Struct:
		if hasLock(v.Type()) { // others may be changing it
			h.opaque = true
			return false
		}
		for i := range v.NumField() {
			if h.in(v.Field(i), depth+1) {
				return true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if h.in(entries.Key(), depth+1) || h.in(entries.Value(), depth+1) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		return h.inList(v, depth)
	}
	return false
}

func (h *holder) inList(v reflect.Value, depth int) bool {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		text := make([]byte, v.Len())
		for i := range text {
			text[i] = byte(v.Index(i).Uint())
		}
		return h.isIn(string(text))
	}
	for i := range v.Len() {
		if h.in(v.Index(i), depth+1) {
			return true
		}
	}
	return false
}

// A scrubbed error has the text of another one without the password, and what
// that wrapped.
type scrubbed struct {
	text   string
	causes []error
	is     func(error) bool // whether the other one is an error
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Unwrap() []error      { return e.causes }
func (e *scrubbed) Is(target error) bool { return e.is(target) }

// identity returns what tells whether errors.Is finds an error in err, without
// a way to get at err.
func identity(err error) func(error) bool {
	return func(target error) bool { return errors.Is(err, target) }
}
