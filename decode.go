package secrets

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/fields"
	"github.com/go-secrets/secrets/internal/shorten"
)

// isSecret reports whether t is Secret. The types that are compared here are not
// package variables, because every program would link them.
func isSecret(t reflect.Type) bool { return t == reflect.TypeFor[Secret]() }

// unmarshalsText reports whether *t has UnmarshalText.
func unmarshalsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func isURL(t reflect.Type) bool { return t == reflect.TypeFor[url.URL]() }

// isLeaf reports whether a struct type is a value rather than a group of
// fields.
func isLeaf(t reflect.Type) bool {
	return isSecret(t) || isURL(t) || unmarshalsText(t)
}

// isBytes reports whether a value of type t is set to the text's bytes: a []byte, or
// a type made of one that has no UnmarshalJSON.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

func isLive(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[binder]())
}

// valueTypeOf returns the type to which a field of type t is decoded: t, or the T of
// a *Live[T].
func valueTypeOf(t reflect.Type) reflect.Type {
	if isLive(t) {
		return reflect.Zero(t).Interface().(binder).valueType()
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

// decoding calls a function of the program that decodes a secret. If the function
// panics, or the Error method of its error does, decoding returns an error with the
// place of the panic, without the panic's value, which may be a part of the secret.
func decoding(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = invalid("decoding panicked with a %T at %s", p, panicPlace())
		}
	}()
	err = f()
	if err != nil {
		_, _ = err.Error(), errors.Is(err, ErrNotFound)
	}
	return err
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
	return decoding(func() error { return decodeValue(v, text) })
}

// decodeValue is decodeText for a v that is not a pointer.
func decodeValue(v reflect.Value, text string) error {
	t := v.Type()
	misfit := func(want string) error { return invalid("the value is no %s, which the type %s needs", want, t) }
	switch {
	case isURL(t) && v.CanAddr():
		u, err := url.Parse(text)
		if err != nil { // it quotes the URL, password included
			return misfit("URL")
		}
		v.Set(reflect.ValueOf(*u))
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
	return decodeKind(v, text, misfit)
}

// decodeKind is decodeValue for a type whose kind decides how it is decoded.
func decodeKind(v reflect.Value, text string, misfit func(want string) error) error {
	t := v.Type()
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

// decodeJSON is json.Unmarshal with errors that do not quote its input.
func decodeJSON(value string, dst any) error {
	t := reflect.TypeOf(dst)
	if t == nil || t.Kind() != reflect.Pointer || reflect.ValueOf(dst).IsNil() {
		return invalid("the destination must be a non-nil pointer, not %T", dst)
	}
	err := json.Unmarshal([]byte(strings.TrimPrefix(value, fields.ByteOrderMark)), dst)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return invalid("the value is not JSON (at byte %d of %d)", syntax.Offset, len(value))
	case errors.As(err, &typ):
		return invalid("the JSON at %s does not fit a Go %s", jsonPlace(t.Elem(), typ), typ.Type)
	}
	return invalid("the JSON does not fit a Go %T", dst)
}

// jsonPlace returns where a JSON value did not fit. The error's path may have keys of
// the value in it; jsonPlace returns only those that are fields of t, as Go spells
// them.
func jsonPlace(t reflect.Type, e *json.UnmarshalTypeError) string {
	var path []string
	rest := e.Field
	for rest != "" {
		name, inner, after := declaredField(t, rest)
		if name == "" {
			break
		}
		path, t, rest = append(path, name), inner, after
	}
	place := fmt.Sprintf("byte %d", e.Offset)
	switch {
	case len(path) == 0:
		return place
	case rest != "" || t != e.Type && t.Kind() != reflect.Pointer:
		return place + ", in field " + shorten.Quote(strings.Join(path, "."))
	}
	return "field " + shorten.Quote(strings.Join(path, "."))
}

// declaredField finds the field of a struct type with which a path of JSON keys
// starts, and returns the rest of the path. For a type that decodes itself it finds
// none.
func declaredField(t reflect.Type, path string) (name string, inner reflect.Type, rest string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || unmarshalsText(t) || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return "", nil, ""
	}
	for _, sf := range reflect.VisibleFields(t) {
		key := sf.Name
		if tag, _, _ := strings.Cut(sf.Tag.Get("json"), ","); tag != "" {
			key = tag
		}
		if len(path) < len(key) || !strings.EqualFold(path[:len(key)], key) {
			continue
		}
		if rest, more := strings.CutPrefix(path[len(key):], "."); more || rest == "" {
			return key, sf.Type, rest
		}
	}
	return "", nil, ""
}
