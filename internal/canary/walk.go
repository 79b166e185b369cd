package canary

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// maxValues bounds a walk; past it the walk says so as a finding, since what
// it has not seen it cannot vouch for.
const maxValues = 2_000_000

// Walk looks for the canary in everything that v reaches: fields, exported or
// not, what pointers and interfaces hold, maps and their keys, slices up to
// their capacity, atomics, and of each error its text and what it wraps. It
// returns a line for each finding, which tells the place and the form and
// never the canary.
//
// It cannot see what a func holds, a channel, or an unsafe.Pointer. It passes
// over the machinery of connections (package net, TLS, http transports, gRPC
// connections, bufio), whose buffers change while they are looked at, and
// over contexts and locks.
func (s *Search) Walk(v any) []string {
	w := &walker{search: s, seen: make(map[visit]bool)}
	w.value(owned(reflect.ValueOf(v)))
	if w.values > maxValues {
		w.found = append(w.found, fmt.Sprintf("more than %d values: the walk gave up", maxValues))
	}
	return w.found
}

type walker struct {
	search *Search
	path   []string
	seen   map[visit]bool
	values int
	found  []string
}

// A visit is a place in memory looked at as a type.
type visit struct {
	typ reflect.Type
	at  unsafe.Pointer
	len int
}

// owned returns v as an addressable value, a copy if need be. Values stay
// addressable from there on, which is what lets the walk read unexported
// fields and call the methods of unexported errors.
func owned(v reflect.Value) reflect.Value {
	if !v.IsValid() || v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// open returns a field of an addressable struct without the mark that it is
// unexported.
func open(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}

func (w *walker) in(step string, v reflect.Value) {
	w.path = append(w.path, step)
	w.value(v)
	w.path = w.path[:len(w.path)-1]
}

func (w *walker) text(text string) {
	if form, found := w.search.Text(text); found {
		w.found = append(w.found, strings.Join(w.path, "")+": "+form)
	}
}

// value walks an addressable value.
func (w *walker) value(v reflect.Value) {
	if w.values++; w.values > maxValues || !v.IsValid() || opaque(v.Type()) {
		return
	}
	if len(w.path) == 0 {
		w.path = append(w.path, v.Type().String())
	}
	w.errorText(v)
	switch v.Kind() {
	case reflect.String:
		w.text(v.String())
	case reflect.Interface:
		if !v.IsNil() {
			e := v.Elem()
			w.in(".("+e.Type().String()+")", owned(e))
		}
	case reflect.Pointer:
		if !v.IsNil() && w.first(v.Type(), v.UnsafePointer(), 0) {
			w.value(v.Elem())
		}
	case reflect.Struct:
		w.structure(v)
	case reflect.Map:
		if v.IsNil() || !w.first(v.Type(), v.UnsafePointer(), 0) {
			return
		}
		for i := v.MapRange(); i.Next(); {
			w.in("[key]", owned(i.Key()))
			w.in("[…]", owned(i.Value()))
		}
	case reflect.Slice:
		if v.IsNil() || !w.first(v.Type(), v.UnsafePointer(), v.Cap()) {
			return
		}
		w.list(v.Slice(0, v.Cap()))
	case reflect.Array:
		w.list(v)
	}
}

// first reports whether the place has not been looked at yet.
func (w *walker) first(typ reflect.Type, at unsafe.Pointer, length int) bool {
	key := visit{typ, at, length}
	if w.seen[key] {
		return false
	}
	w.seen[key] = true
	return true
}

// list walks a slice or an array; bytes and runes are searched as text.
func (w *walker) list(v reflect.Value) {
	n := v.Len()
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		if v.Kind() == reflect.Array {
			v = v.Slice(0, n)
		}
		w.text(string(v.Bytes()))
		return
	case reflect.Int32:
		var text []byte
		for i := range n {
			text = utf8.AppendRune(text, rune(v.Index(i).Int()))
		}
		w.text(string(text))
		return
	case reflect.Uint16:
		var text []byte
		for i := range n {
			text = utf8.AppendRune(text, rune(v.Index(i).Uint()))
		}
		w.text(string(text))
		return
	}
	for i := range n {
		if w.values > maxValues {
			return
		}
		w.in("["+strconv.Itoa(i)+"]", v.Index(i))
	}
}

func (w *walker) structure(v reflect.Value) {
	t := v.Type()
	if m, ok := v.Addr().Interface().(*sync.Map); ok {
		m.Range(func(key, value any) bool {
			w.in("[key]", owned(reflect.ValueOf(key)))
			w.in("[…]", owned(reflect.ValueOf(value)))
			return true
		})
		return
	}
	if t.PkgPath() == "sync/atomic" && strings.HasPrefix(t.Name(), "Pointer[") {
		w.in(".Load()", owned(v.Addr().MethodByName("Load").Call(nil)[0]))
		return
	}
	for i := range t.NumField() {
		w.in("."+t.Field(i).Name, open(v.Field(i)))
	}
}

// errorText looks at what an error says and wraps: both may be made up on the
// spot, and so be in no field.
func (w *walker) errorText(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() || v.Kind() == reflect.Interface {
			return // what it holds comes next
		}
	}
	err, ok := v.Interface().(error)
	if !ok {
		if err, ok = v.Addr().Interface().(error); !ok {
			return
		}
	}
	defer func() { _ = recover() }() // a method that can't cope is no leak
	w.in(".Error()", owned(reflect.ValueOf(err.Error())))
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		if inner := u.Unwrap(); inner != nil {
			w.in(".Unwrap()", owned(reflect.ValueOf(inner)))
		}
	case interface{ Unwrap() []error }:
		w.in(".Unwrap()", owned(reflect.ValueOf(u.Unwrap())))
	}
}

// opaque reports whether values of a type are passed over.
func opaque(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	}
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Map && t.Kind() != reflect.Slice {
		return false
	}
	switch pkg := t.PkgPath(); pkg {
	case "":
		return false
	case "bufio", "context", "crypto/tls", "internal/poll", "os/signal", "reflect", "runtime", "testing":
		return true
	case "sync":
		return t.Name() != "Map"
	case "os":
		return t.Name() == "file" || t.Name() == "File" || t.Name() == "Root"
	case "time":
		return t.Name() == "Location" || t.Name() == "Timer" || t.Name() == "Ticker"
	case "net":
		return strings.HasSuffix(t.Name(), "Conn") || t.Name() == "conn" || t.Name() == "netFD" || t.Name() == "Resolver"
	case "net/http":
		switch t.Name() {
		case "Client", "Server", "Transport", "conn", "connReader", "persistConn", "response":
			return true
		}
		return strings.HasPrefix(t.Name(), "http2")
	case "google.golang.org/grpc":
		return t.Name() == "ClientConn" || t.Name() == "Server"
	default:
		return strings.HasPrefix(pkg, "google.golang.org/grpc/internal/") || strings.HasPrefix(pkg, "golang.org/x/net/http2")
	}
}
