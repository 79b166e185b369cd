package secrets_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	texttemplate "text/template"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretstest"
)

// held returns secrets of every kind that a resolver hands out, all of them
// with the canary in the value.
func held(t *testing.T, value string) map[string]secrets.Secret {
	t.Helper()
	r, p := secretstest.New(t, map[string]string{"db": `{"password":"` + value + `","inner":{"a":["` + value + `"]}}`})
	get := func(name string) secrets.Secret {
		s, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		return s
	}
	document, member := get("db"), get("db/password")
	field, err := document.Field("/inner/a/0")
	require.NoError(t, err)
	p.Set("db", `{"password":"2`+value+`"}`)
	rotated, err := r.Refresh(t.Context(), "db/password")
	require.NoError(t, err)
	previous, ok := rotated.Previous()
	require.True(t, ok)
	made := map[string]secrets.Secret{
		"a document": document, "a member": member, "a field": field, "a rotated secret": rotated, "a previous secret": previous,
		"a secret that was unmarshalled": secretstest.Value(value),
	}
	for name, s := range made {
		require.Contains(t, s.Reveal(), value, "the test must be able to fail: %s", name)
	}
	return made
}

type (
	inField  struct{ Password secrets.Secret }
	unseen   struct{ password secrets.Secret }
	byPtr    struct{ password *secrets.Secret }
	embedded struct {
		secrets.Secret
		User string
	}
	pair[T any] struct{ left, right T }
	deep        struct {
		Name string
		in   map[string][]any
	}
	failure struct{ cause secrets.Secret }
	getter  interface{ Reveal() string }
)

func (f failure) Error() string { return fmt.Sprintf("failure over %v", f.cause) }

// containers are what a secret may be in when it is printed.
func containers(s secrets.Secret) map[string]any {
	ch := make(chan secrets.Secret, 1)
	ch <- s
	close(ch) // templates range over it
	var pointer atomic.Pointer[secrets.Secret]
	pointer.Store(&s)
	var value atomic.Value
	value.Store(s)
	var syncMap sync.Map
	syncMap.Store("password", s)
	ptr := &s
	return map[string]any{
		"the secret":                     s,
		"a pointer":                      ptr,
		"a pointer to a pointer":         &ptr,
		"an exported field":              inField{s},
		"a pointer to an exported field": &inField{s},
		"an unexported field":            unseen{s},
		"a pointer to an unexported one": &unseen{s},
		"a pointer in an unexported one": byPtr{&s},
		"an embedded field":              embedded{s, "app"},
		"a pointer to an embedded field": &embedded{s, "app"},
		"a generic struct":               pair[any]{s, &s},
		"an anonymous struct":            struct{ A, b any }{s, s},
		"a slice":                        []secrets.Secret{s, s},
		"a slice of pointers":            []*secrets.Secret{&s},
		"an array":                       [2]secrets.Secret{s, s},
		"a slice of interfaces":          []any{1, s, &s},
		"a map":                          map[string]secrets.Secret{"password": s},
		"a map of pointers":              map[string]*secrets.Secret{"password": &s},
		"a map of structs":               map[string]unseen{"db": {s}},
		"a map of interfaces":            map[string]any{"password": s, "db": unseen{s}},
		"all of it":                      &deep{"db", map[string][]any{"x": {unseen{s}, &byPtr{&s}, []any{s}}}},
		"an interface":                   getter(s),
		"a channel":                      ch,
		"a func":                         func() secrets.Secret { return s },
		"a method":                       s.Version,
		"an error":                       failure{s},
		"a pointer to an error":          &failure{s},
		"a wrapped error":                fmt.Errorf("around: %w", failure{s}),
		"joined errors":                  errors.Join(errors.New("a"), failure{s}),
		"an atomic.Pointer":              &pointer,
		"an atomic.Value":                &value,
		"a sync.Map":                     &syncMap,
		"a slog.Value":                   slog.AnyValue(s),
		"a slog.Attr":                    slog.Any("password", unseen{s}),
		"a reflect.Value":                reflect.ValueOf(unseen{s}),
		"a context":                      context.WithValue(context.Background(), unseen{}.key(), s),
	}
}

func (unseen) key() any { return "key" }

// A sink collects what an assertion of testify says.
type sink struct{ strings.Builder }

func (s *sink) Errorf(format string, args ...any) { fmt.Fprintf(s, format, args...) }
func (s *sink) FailNow()                          {}

// printers turn a value into text, by every way that a program has to do so by
// accident.
func printers() map[string]func(v any) string {
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

func TestNoPrinterShowsASecretInAnyContainer(t *testing.T) {
	t.Parallel()
	value := canary.New()
	search := canary.For(value)
	print := printers()
	for kind, s := range held(t, value) {
		for place, container := range containers(s) {
			t.Run(kind+" in "+place, func(t *testing.T) {
				t.Parallel()
				for name, p := range print {
					text := guarded(p, container)
					if form, found := search.Text(text); found {
						t.Errorf("%s shows the value, %s", name, form)
					}
				}
				assert.Empty(t, search.Walk(container), "reflection sees the value")
			})
		}
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

// fmt asks Format before GoString, so that no printer above comes to it.
func TestTheGoSyntaxOfASecretIsRedacted(t *testing.T) {
	t.Parallel()
	value := canary.New()
	for kind, s := range held(t, value) {
		var printed fmt.GoStringer = s
		assert.Equal(t, "[REDACTED]", printed.GoString(), kind)
	}
}

func TestThePrintersWouldShowAStringThere(t *testing.T) {
	t.Parallel()
	// The counterpart of the test above: it can fail.
	value := canary.New()
	search := canary.For(value)
	type plain struct{ Password string }
	shown := 0
	all := printers()
	for name, p := range all {
		if _, found := search.Text(guarded(p, plain{value})); found {
			shown++
		} else {
			t.Logf("%s does not show a string in a struct", name)
		}
	}
	assert.Greater(t, shown, len(all)/2, "of %d printers", len(all))
	assert.NotEmpty(t, search.Walk(plain{value}))
}
