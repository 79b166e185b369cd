package awstest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// NoCanary fails if canary is in the text of err, or anywhere in the values
// that a reflective logger would reach from it.
func NoCanary(t testing.TB, err error, canary string) {
	t.Helper()
	if err == nil {
		return
	}
	for _, format := range []string{"%s", "%v", "%+v", "%#v"} {
		if strings.Contains(fmt.Sprintf(format, err), canary) {
			t.Errorf("the canary is in the error as printed with %s", format)
		}
	}
	s := search{canary: canary, seen: make(map[visit]bool)}
	s.walk(reflect.ValueOf(err), "err")
	for _, path := range s.found {
		t.Errorf("the canary is in the error at %s", path)
	}
}

type visit struct {
	at  uintptr
	typ reflect.Type
}

type search struct {
	canary string
	seen   map[visit]bool
	found  []string
}

func (s *search) walk(v reflect.Value, path string) {
	if len(path) > 2000 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		s.check(v.String(), path)
	case reflect.Interface:
		s.walk(v.Elem(), path)
	case reflect.Pointer:
		if v.IsNil() || s.seen[visit{v.Pointer(), v.Type()}] {
			return
		}
		s.seen[visit{v.Pointer(), v.Type()}] = true
		s.walk(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			s.walk(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			s.check(string(b), path)
			return
		}
		for i := range v.Len() {
			s.walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			s.walk(k, path+"[key]")
			s.walk(v.MapIndex(k), path+"[…]")
		}
	}
}

func (s *search) check(text, path string) {
	if strings.Contains(text, s.canary) {
		s.found = append(s.found, path)
	}
}
