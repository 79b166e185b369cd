package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/canary/printers"
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

func TestNoPrinterShowsASecretInAnyContainer(t *testing.T) {
	t.Parallel()
	value := canary.New()
	search := canary.For(value)
	print := printers.All()
	for kind, s := range held(t, value) {
		for place, container := range containers(s) {
			t.Run(kind+" in "+place, func(t *testing.T) {
				t.Parallel()
				for name, p := range print {
					text := p(container)
					if form, found := search.Text(text); found {
						t.Errorf("%s shows the value, %s", name, form)
					}
				}
				assert.Empty(t, search.Walk(container), "reflection sees the value")
			})
		}
	}
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
	all := printers.All()
	for name, p := range all {
		if _, found := search.Text(p(plain{value})); found {
			shown++
		} else {
			t.Logf("%s does not show a string in a struct", name)
		}
	}
	assert.Greater(t, shown, len(all)/2, "of %d printers", len(all))
	assert.NotEmpty(t, search.Walk(plain{value}))
}
