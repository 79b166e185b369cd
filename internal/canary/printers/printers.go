// Package printers has the printers, loggers and encoders that programs show
// values with, for tests that look for a canary in what they write.
package printers

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"expvar"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	texttemplate "text/template"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"gopkg.in/yaml.v3"
)

// A sink collects what an assertion of testify says.
type sink struct{ strings.Builder }

func (s *sink) Errorf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }
func (s *sink) FailNow()                          {}

// All returns what turns a value into text, by every way that a program has to
// do so by accident. A printer that panics over a value tells what with.
func All() map[string]func(v any) string {
	all := make(map[string]func(v any) string)
	for _, flags := range []string{"", "+", "#", " ", "-", "0", "+#", "20", ".3", "-20.3"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspw" {
			format := "%" + flags + string(verb)
			all["fmt "+format] = func(v any) string { return fmt.Sprintf(format, v) }
		}
	}
	wrap, none := "around: %w", "none" // variables, for vet knows better
	all["fmt.Errorf %w"] = func(v any) string { return fmt.Errorf(wrap, v).Error() }
	all["fmt.Sprint"] = func(v any) string { return fmt.Sprint(v, "x", v) }
	all["fmt.Sprintln"] = func(v any) string { return fmt.Sprintln(v) }
	all["fmt, too many arguments"] = func(v any) string { return fmt.Sprintf(none, v) }
	all["fmt, as a width"] = func(v any) string { return fmt.Sprintf("%*d", v, 1) }
	all["log"] = logged(func(l *log.Logger, v any) { l.Print(v); l.Printf("%v %+v", v, v) })
	for name, options := range map[string]*slog.HandlerOptions{"": nil, ", with ReplaceAttr": {ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return slog.Any(a.Key, a.Value.Any()) }}} {
		text := func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, options) }
		jsons := func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, options) }
		all["slog text"+name] = slogged(text)
		all["slog JSON"+name] = slogged(jsons)
	}
	all["encoding/json"] = encoded(json.Marshal)
	all["encoding/json, indented"] = encoded(func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") })
	all["encoding/xml"] = encoded(xml.Marshal)
	all["yaml.v3"] = encoded(yaml.Marshal)
	all["encoding/gob"] = encoded(func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(v)
		return b.Bytes(), err
	})
	all["encoding/binary"] = encoded(func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := binary.Write(&b, binary.LittleEndian, v)
		return b.Bytes(), err
	})
	all["encoding/csv"] = func(v any) string {
		var b strings.Builder
		_ = csv.NewWriter(&b).Write([]string{fmt.Sprint(v)})
		return b.String()
	}
	for _, source := range []string{`{{.}}`, `{{print .}}`, `{{printf "%#v %s %d" . . .}}`, `{{range .}}{{.}}{{end}}`, `{{.Password}}`, `{{.password}}`, `{{json .}}`} {
		all["text/template "+source] = executed(func(v any) (string, error) {
			t, err := texttemplate.New("").Funcs(texttemplate.FuncMap{"json": func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err }}).Parse(source)
			if err != nil {
				return "", err
			}
			var b strings.Builder
			err = t.Execute(&b, v)
			return b.String(), err
		})
	}
	for _, source := range []string{`{{.}}`, `<a href="/?x={{.}}" onclick="f({{.}})" style="{{.}}">{{.}}</a>`, `<script>let x = {{.}}; let y = "{{.}}"</script>`, `{{range .}}{{.}}{{end}}`} {
		all["html/template "+source] = executed(func(v any) (string, error) {
			t, err := htmltemplate.New("").Parse(source)
			if err != nil {
				return "", err
			}
			var b strings.Builder
			err = t.Execute(&b, v)
			return b.String(), err
		})
	}
	all["expvar"] = func(v any) string { return expvar.Func(func() any { return v }).String() }
	all["testify ObjectsAreEqual"] = func(v any) string { return fmt.Sprint(assert.ObjectsAreEqual(v, "other")) }
	all["testify Equal with another"] = asserted(func(t *sink, v any) { assert.Equal(t, "other", v) })
	all["testify Equal with itself"] = asserted(func(t *sink, v any) { assert.Equal(t, v, v) })
	all["testify Equal with its kind"] = asserted(func(t *sink, v any) { assert.Equal(t, reflect.Zero(reflect.TypeOf(v)).Interface(), v) })
	all["testify EqualValues"] = asserted(func(t *sink, v any) { assert.EqualValues(t, "other", v) })
	all["testify Nil"] = asserted(func(t *sink, v any) { assert.Nil(t, v) })
	all["testify Zero"] = asserted(func(t *sink, v any) { assert.Zero(t, v) })
	all["testify Empty"] = asserted(func(t *sink, v any) { assert.Empty(t, v) })
	all["testify Contains"] = asserted(func(t *sink, v any) { assert.Contains(t, v, "other") })
	all["testify Len"] = asserted(func(t *sink, v any) { assert.Len(t, v, 99) })
	all["testify ElementsMatch"] = asserted(func(t *sink, v any) { assert.ElementsMatch(t, v, []int{1}) })
	all["testify IsType"] = asserted(func(t *sink, v any) { assert.IsType(t, 1, v) })
	all["testify NoError"] = asserted(func(t *sink, v any) {
		if err, ok := v.(error); ok {
			assert.NoError(t, err)
		}
	})
	all["go-cmp"] = func(v any) string { return cmp.Diff(any("other"), v) }
	all["go-cmp, unexported fields too"] = func(v any) string {
		return cmp.Diff(reflect.Zero(reflect.TypeOf(v)).Interface(), v, cmp.Exporter(func(reflect.Type) bool { return true }))
	}
	for name, config := range map[string]*spew.ConfigState{
		"":                           &spew.Config,
		", without methods":          {Indent: " ", DisableMethods: true, DisablePointerMethods: true},
		", as testify has it":        {Indent: " ", DisablePointerAddresses: true, DisableCapacities: true, SortKeys: true, DisableMethods: true, MaxDepth: 10},
		", methods and the rest too": {Indent: " ", ContinueOnMethod: true, SpewKeys: true},
	} {
		all["spew dump"+name] = func(v any) string { return config.Sdump(v) }
		all["spew print"+name] = func(v any) string { return config.Sprintf("%v %+v %#v %#+v", v, v, v, v) }
	}
	all["a panic's value"] = func(v any) (text string) {
		defer func() { text = fmt.Sprint(recover()) }()
		panic(v)
	}
	for name, print := range all {
		all[name] = func(v any) string { return guarded(print, v) }
	}
	return all
}

func logged(print func(*log.Logger, any)) func(any) string {
	return func(v any) string {
		var b strings.Builder
		print(log.New(&b, "", log.LstdFlags), v)
		return b.String()
	}
}

func slogged(handler func(*bytes.Buffer) slog.Handler) func(any) string {
	return func(v any) string {
		var b bytes.Buffer
		l := slog.New(handler(&b))
		l.Info("m", "v", v)
		l.With("v", v).WithGroup("g").Info("m", slog.Group("h", "v", v), slog.Any("w", []any{v}))
		l.Info(fmt.Sprint(v), v)
		return b.String()
	}
}

func encoded(encode func(any) ([]byte, error)) func(any) string {
	return func(v any) string {
		data, err := encode(v)
		return fmt.Sprintf("%s\n%v", data, err)
	}
}

func executed(execute func(any) (string, error)) func(any) string {
	return func(v any) string {
		text, err := execute(v)
		return fmt.Sprintf("%s\n%v", text, err)
	}
}

func asserted(check func(*sink, any)) func(any) string {
	return func(v any) string {
		var s sink
		check(&s, v)
		return s.String()
	}
}

// guarded has a printer that can't cope with a value, and panics, say so.
func guarded(p func(any) string, v any) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("%v %+v", r, r)
		}
	}()
	return p(v)
}
