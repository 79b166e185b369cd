package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
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
// as JSON, a pointer to any of these, or a *[Live], which stays current. If the tag
// of a struct, or of a pointer to one, ends in a slash, it is a prefix of the names
// in the struct. Load also fills a struct without a tag if there are tags in it. A
// nil pointer to such a struct is set as soon as one of its names is found. With the
// option optional, a missing name leaves the field as it is. With default=, which
// comes last and takes the rest of the tag, a missing name sets the field to that
// text.
//
// Load reads all names together. If anything is wrong, dst stays as it was,
// and the error joins all failures, each with its name. Wrong tags are [ErrInvalid]
// before Load reads anything. A tag that Load cannot reach is wrong, too: one
// in a field that is not exported, in a slice, array, map or interface, or in a
// struct that is read as JSON since its own tag has no slash. Load ignores a field
// with the tag "-", and all tags in it. Errors do not quote values, and
// a panic in a type's UnmarshalText or UnmarshalJSON is an error, too.
//
// Load sets the fields that have a name, and nothing else: the program may use other
// fields meanwhile. If Load is called again on the same struct, it keeps a Live that
// it has made for that name of this Resolver and that still runs, and stops a Live
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

// A filling collects the values that Load has found for a struct, before any of them
// is stored.
type filling struct {
	r        *Resolver
	into     reflect.Value
	missing  map[string]error // why, by name
	started  []binder         // the Lives that were made
	replaced []binder         // the Lives that they replace
}

// fill reads the names of fields and stores the values in v, all or none.
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
	defer func() { // deferred, since a type's own method may end the goroutine
		lives := l.started
		if stored {
			lives = l.replaced
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

// value returns the value to set a field to, or the zero Value if the field stays as
// it is.
func (l *filling) value(ctx context.Context, f *taggedField, found Secret) (reflect.Value, error) {
	missing := l.missing[f.name]
	switch {
	case missing != nil && f.fallback == nil && f.optional:
		return reflect.Value{}, nil
	case missing != nil && f.fallback == nil:
		return reflect.Value{}, missing
	case missing == nil && found.IsZero():
		return reflect.Value{}, nil // its failure is among those of fill
	case isLive(f.typ):
		return l.live(ctx, f, found)
	}
	value := reflect.New(f.typ).Elem()
	if missing != nil {
		return value, decodeText(value, *f.fallback)
	}
	return value, decodeSecret(value, found)
}

// live returns a new Live for a field, or the zero Value if the field has one for the
// same name that still runs.
func (l *filling) live(ctx context.Context, f *taggedField, found Secret) (reflect.Value, error) {
	if there := peek(l.into, f.index); there.IsValid() && !there.IsNil() {
		old := there.Interface().(binder)
		if old.isFor(l.r, f) {
			if found.IsZero() {
				return reflect.Value{}, nil
			}
			return reflect.Value{}, decodeSecret(reflect.New(old.valueType()).Elem(), found)
		}
		if old.madeByLoad() {
			l.replaced = append(l.replaced, old)
		}
	}
	value := reflect.New(f.typ.Elem())
	live := value.Interface().(binder)
	if err := live.bind(ctx, l.r, f); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Op == "bind" {
			return reflect.Value{}, e.Err // fill adds the field's path
		}
		return reflect.Value{}, err
	}
	l.started = append(l.started, live)
	return value, nil
}

// A taggedField is a field of a struct that Load fills.
type taggedField struct {
	index    []int // as in reflect.StructField, through pointers to structs
	typ      reflect.Type
	path     string // in Go, for errors
	name     string
	optional bool
	fallback *string // default=
}

// in returns the field in a struct. For each nil pointer on the way to the field it
// makes a struct.
func (f *taggedField) in(v reflect.Value) reflect.Value {
	for i, n := range f.index {
		for i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v
}

// peek returns the field in a struct, or the zero Value if a nil pointer is on the
// way to it.
func peek(v reflect.Value, index []int) reflect.Value {
	for i, n := range index {
		for i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v
}

// A tagWalk reads the tags of a struct, and of the structs that it contains or points
// to. A tag of a field that Load cannot fill is an error.
type tagWalk struct {
	fields []taggedField
	unseen []taggedField // interfaces: only a value shows whether there are tags in them
	errs   []error
}

// A tagGroup is the struct that a walk is in.
type tagGroup struct {
	index  []int
	path   string
	prefix string
	within []reflect.Type // from the outermost to the struct itself
}

// taggedFields reads the tags of a struct type.
func taggedFields(t reflect.Type) ([]taggedField, error) {
	w := walkTags(t)
	return w.fields, errors.Join(w.errs...)
}

func walkTags(t reflect.Type) *tagWalk {
	w := new(tagWalk)
	w.structure(t, tagGroup{path: t.Name() + ".", within: []reflect.Type{t}})
	return w
}

func (w *tagWalk) structure(t reflect.Type, g tagGroup) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("secret")
		f := taggedField{index: append(g.index[:len(g.index):len(g.index)], i), typ: sf.Type, path: g.path + sf.Name}
		switch {
		case tag == "-":
		case !tagged || strings.HasSuffix(tag, "/"):
			w.group(sf, f, tag, g)
		default:
			w.field(sf, f, tag, g)
		}
	}
}

// group walks a field that has no name of its own.
func (w *tagWalk) group(sf reflect.StructField, f taggedField, tag string, g tagGroup) {
	inner := sf.Type
	for inner.Kind() == reflect.Pointer && !isLive(inner) {
		inner = inner.Elem()
	}
	prefixed := tag != ""
	switch {
	case prefixed && (inner.Kind() != reflect.Struct || isLeaf(inner)):
		w.refuse(f, "the tag ends in a slash, which is for a struct, and this is a %s", sf.Type)
	case !prefixed && inner.Kind() == reflect.Interface:
		w.unseen = append(w.unseen, f)
	case !holdsTags(inner):
		if prefixed && !sf.IsExported() && !sf.Anonymous {
			w.refuse(f, "the field is not exported, so it cannot be set")
		}
	case inner.Kind() != reflect.Struct:
		w.refuse(f, "there are tags in a %s, which is not filled by tags; if Load is to leave it alone, tag it %s", sf.Type, `secret:"-"`)
	case !sf.IsExported() && (!sf.Anonymous || sf.Type.Kind() == reflect.Pointer):
		w.refuse(f, "there are tags in it, and the field is not exported, so it cannot be set; if Load is to leave it alone, tag it %s", `secret:"-"`)
	case slices.Contains(g.within, inner):
		w.refuse(f, "a %s with tags contains itself, so filling it would not end; if Load is to leave this one alone, tag it %s", inner, `secret:"-"`)
	default:
		w.structure(inner, tagGroup{f.index, f.path + ".", g.prefix + tag, append(g.within[:len(g.within):len(g.within)], inner)})
	}
}

// field reads the tag of a field that has a name of its own.
func (w *tagWalk) field(sf reflect.StructField, f taggedField, tag string, g tagGroup) {
	if err := f.parse(tag, g.prefix); err != nil {
		w.refuse(f, "%s", err)
		return
	}
	t := valueTypeOf(sf.Type)
	switch {
	case !sf.IsExported():
		w.refuse(f, "the field is not exported, so it cannot be set")
	case !decodable(t):
		w.refuse(f, "a %s cannot hold a secret", sf.Type)
	case ignoresTags(t) && isLive(sf.Type):
		w.refuse(f, "there are tags in the %s, which is read as JSON; use BindStruct, or take them out", t)
	case ignoresTags(t):
		w.refuse(f, "there are tags in the %s, which is read as JSON; end the tag in a slash (%s) to have them read, or take them out", t, strings.TrimPrefix(f.name, g.prefix)+"/")
	case f.fallback != nil:
		if err := decodeText(reflect.New(t).Elem(), *f.fallback); err != nil {
			w.refuse(f, "the default does not fit: %s", reason(err))
			return
		}
		fallthrough
	default:
		w.fields = append(w.fields, f)
	}
}

func (w *tagWalk) refuse(f taggedField, format string, args ...any) {
	w.errs = append(w.errs, &Error{Op: "load", Name: strings.TrimPrefix(f.path, "."), Err: invalid(format, args...)})
}

// parse reads name[,optional][,default=…].
func (f *taggedField) parse(tag, prefix string) error {
	name, rest, more := strings.Cut(tag, ",")
	f.name = prefix + name
	for more {
		if text, ok := strings.CutPrefix(rest, "default="); ok {
			f.fallback = &text
			break
		}
		var option string
		if option, rest, more = strings.Cut(rest, ","); option != "optional" {
			return errors.New("the tag has an option other than optional and default=")
		}
		f.optional = true
	}
	if _, _, err := splitName(f.name); err != nil {
		return errors.New(reason(err))
	}
	return nil
}

// reason returns an error's text without its class.
func reason(err error) string { return strings.TrimPrefix(err.Error(), ErrInvalid.Error()+": ") }

// ignoresTags reports whether a type that is decoded from one secret as JSON
// has tags in it, which decoding would ignore.
func ignoresTags(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return !isLeaf(t) && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) && holdsTags(t)
}

// holdsTags reports whether there is a tag in a type or in the types in it: the
// fields of structs, exported or not, and the elements of pointers, slices, arrays
// and maps. It does not look into a Live.
func holdsTags(t reflect.Type) bool {
	seen := make(map[reflect.Type]bool)
	var holds func(t reflect.Type) bool
	holds = func(t reflect.Type) bool {
		if seen[t] || isLive(t) {
			return false
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			return holds(t.Elem())
		case reflect.Array:
			return t.Len() > 0 && holds(t.Elem()) // atomic.Pointer[T] has a [0]*T
		case reflect.Map:
			return holds(t.Key()) || holds(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				sf := t.Field(i)
				if tag, tagged := sf.Tag.Lookup("secret"); tag != "-" && (tagged || holds(sf.Type)) {
					return true
				}
			}
		}
		return false
	}
	return holds(t)
}
