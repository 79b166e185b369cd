package secrets

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
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
// struct whose tag ends in a slash prefixes the names in it, and one without a
// tag is looked into. The option optional leaves the field as it is when the
// name is missing; default= (last, the rest of the tag) is what it then reads.
//
// All names are read together. If anything is wrong, dst is left as it was,
// and the error joins every failure by name: the tags first, as [ErrInvalid],
// before anything is read. Errors do not quote values.
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
	fields, err := taggedFields(v.Elem().Type())
	if err != nil {
		return err
	}
	return r.fill(ctx, v.Elem(), fields)
}

// A taggedField is a field of a struct that Load fills.
type taggedField struct {
	index    []int
	path     string // in Go, for errors
	name     string
	optional bool
	fallback *string // default=
}

// taggedFields reads the tags of a struct, those of the structs in it
// included.
func taggedFields(t reflect.Type) ([]taggedField, error) {
	var fields []taggedField
	var errs []error
	var walk func(t reflect.Type, index []int, path, prefix string, within []reflect.Type)
	walk = func(t reflect.Type, index []int, path, prefix string, within []reflect.Type) {
		for i := range t.NumField() {
			sf := t.Field(i)
			at := append(index[:len(index):len(index)], i)
			where := path + sf.Name
			tag, tagged := sf.Tag.Lookup("secret")
			if tag == "-" {
				continue
			}
			f, err := parseTag(tag, prefix)
			switch {
			case !tagged || strings.HasSuffix(tag, "/"):
				inner := sf.Type.Kind() == reflect.Struct && !isLeaf(sf.Type) && !slices.Contains(within, sf.Type)
				switch {
				case tagged && inner && !sf.IsExported() && !sf.Anonymous:
					errs = append(errs, tagError(where, "the field is not exported, so it cannot be set"))
				case tagged && !inner:
					errs = append(errs, tagError(where, "the tag ends in a slash, which is for a struct, and this is a %s", sf.Type))
				case inner && (sf.IsExported() || sf.Anonymous):
					walk(sf.Type, at, where+".", prefix+tag, append(within, sf.Type))
				}
			case err != nil:
				errs = append(errs, tagError(where, "%s", err))
			case !sf.IsExported():
				errs = append(errs, tagError(where, "the field is not exported, so it cannot be set"))
			case !decodable(held(sf.Type)):
				errs = append(errs, tagError(where, "a %s cannot hold a secret", sf.Type))
			default:
				f.index, f.path = at, where
				if f.fallback != nil {
					if err := decodeText(reflect.New(held(sf.Type)).Elem(), *f.fallback); err != nil {
						errs = append(errs, tagError(where, "the default does not fit: %s", reason(err)))
						continue
					}
				}
				fields = append(fields, f)
			}
		}
	}
	walk(t, nil, t.Name()+".", "", []reflect.Type{t})
	return fields, errors.Join(errs...)
}

func tagError(where, format string, args ...any) error {
	return &Error{Op: "load", Name: strings.TrimPrefix(where, "."), Err: invalid(format, args...)}
}

// reason returns an error's text without its class.
func reason(err error) string { return strings.TrimPrefix(err.Error(), ErrInvalid.Error()+": ") }

// parseTag reads name[,optional][,default=…].
func parseTag(tag, prefix string) (taggedField, error) {
	name, rest, more := strings.Cut(tag, ",")
	f := taggedField{name: prefix + name}
	for more {
		if text, ok := strings.CutPrefix(rest, "default="); ok {
			f.fallback = &text
			break
		}
		var option string
		if option, rest, more = strings.Cut(rest, ","); option != "optional" {
			return f, errors.New("the tag has an option other than optional and default=")
		}
		f.optional = true
	}
	if _, _, err := splitName(f.name); err != nil {
		return f, errors.New(reason(err))
	}
	return f, nil
}

// fill reads the names of fields and stores them in v, all or nothing.
func (r *Resolver) fill(ctx context.Context, v reflect.Value, fields []taggedField) error {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	found, errs := r.preload(ctx, names)
	missing := make(map[string]bool)
	var failures []error
	for _, err := range errs {
		var e *Error
		if errors.Is(err, ErrNotFound) && errors.As(err, &e) {
			missing[e.Name] = true
			continue
		}
		failures = append(failures, err)
	}
	filled := reflect.New(v.Type()).Elem()
	filled.Set(v)
	var live []interface{ Stop() }
	bindLive := func(into reflect.Value, f taggedField) error {
		l := reflect.New(into.Type().Elem())
		if err := l.Interface().(binder).bind(ctx, r, f); err != nil {
			var e *Error
			if errors.As(err, &e) && e.Op == "bind" {
				return e.Err // which is given its place below, as others are
			}
			return err
		}
		live = append(live, l.Interface().(interface{ Stop() }))
		into.Set(l)
		return nil
	}
	for i, f := range fields {
		into := filled.FieldByIndex(f.index)
		var err error
		switch {
		case missing[f.name] && f.fallback != nil && isLive(into.Type()):
			err = bindLive(into, f)
		case missing[f.name] && f.fallback != nil:
			err = decodeText(into, *f.fallback)
		case missing[f.name] && f.optional:
			continue
		case missing[f.name]:
			err = missingError(errs, f.name)
		case found[i].IsZero():
			continue // its failure is told
		case isLive(into.Type()):
			err = bindLive(into, f)
		default:
			err = decodeSecret(into, found[i])
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				err = &Error{Op: "load " + strings.TrimPrefix(f.path, "."), Name: f.name, Err: err}
			}
			failures = append(failures, err)
		}
	}
	if len(failures) > 0 {
		for _, l := range live {
			l.Stop()
		}
		return errors.Join(failures...)
	}
	v.Set(filled)
	return nil
}

func missingError(errs []error, name string) error {
	for _, err := range errs {
		var e *Error
		if errors.As(err, &e) && e.Name == name {
			return err
		}
	}
	return ErrNotFound
}

// isSecret reports whether t is Secret. The types that are looked for here are
// no variables: what package variables refer to, every program links.
func isSecret(t reflect.Type) bool { return t == reflect.TypeFor[Secret]() }

// unmarshalsText reports whether *t has UnmarshalText.
func unmarshalsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isURL reports whether t is net/url.URL, without linking that package into
// programs that have no such field: it weighs 0.1 MB. Its UnmarshalBinary
// parses.
func isURL(t reflect.Type) bool { return t.Name() == "URL" && t.PkgPath() == "net/url" }

// isLeaf reports whether a struct type is a value rather than a group of
// fields.
func isLeaf(t reflect.Type) bool {
	return isSecret(t) || isURL(t) || unmarshalsText(t)
}

// isBytes reports whether a value of type t is the text's bytes: a []byte, or a
// key type made of one, unless it says how it is read.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

func isLive(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[binder]())
}

// held returns what a field of type t holds: t, or the T of a *Live[T].
func held(t reflect.Type) reflect.Type {
	if isLive(t) {
		return reflect.Zero(t).Interface().(binder).holds()
	}
	return t
}

// decodable reports whether a field of type t can be filled.
func decodable(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Interface:
		return t.NumMethod() == 0
	}
	return true
}

// decodeSecret stores a secret in v, as Load does.
func decodeSecret(v reflect.Value, s Secret) error {
	for v.Kind() == reflect.Pointer && isSecret(v.Type().Elem()) {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if isSecret(v.Type()) {
		v.Set(reflect.ValueOf(s))
		return nil
	}
	return decodeText(v, s.Reveal())
}

// decodeText stores text in v. Its errors do not quote the text.
func decodeText(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if err := decodeText(fresh.Elem(), text); err != nil {
			return err
		}
		v.Set(fresh)
		return nil
	}
	t := v.Type()
	misfit := func(want string) error { return invalid("the value is no %s, which the type %s needs", want, t) }
	switch {
	case isURL(t) && v.CanAddr():
		// Its error quotes the URL, password included.
		if v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary([]byte(text)) != nil {
			return misfit("URL")
		}
		return nil
	case v.CanAddr() && unmarshalsText(t):
		if v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)) != nil {
			return misfit("text that its UnmarshalText takes")
		}
		return nil
	case t == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return misfit("duration like 30s")
		}
		v.SetInt(int64(d))
		return nil
	case isBytes(t):
		v.SetBytes([]byte(text))
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return misfit("true or false")
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, t.Bits())
		if err != nil {
			return misfit("whole number in range")
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, t.Bits())
		if err != nil {
			return misfit("whole number in range")
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, t.Bits())
		if err != nil {
			return misfit("number in range")
		}
		v.SetFloat(n)
	default:
		fresh := reflect.New(t)
		if err := decodeJSON(text, fresh.Interface()); err != nil {
			return err
		}
		v.Set(fresh.Elem())
	}
	return nil
}
