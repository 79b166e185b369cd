package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/canary"
)

// hidden has the canary where only reflection finds it.
type hidden struct{ inner any }

// made is an error whose text and cause are in no field.
type made struct{ text func() string }

func (m made) Error() string { return m.text() }

type wrapping struct{ cause func() error }

func (w *wrapping) Error() string { return "wrapping" }
func (w *wrapping) Unwrap() error { return w.cause() }

type loop struct {
	next *loop
	text string
}

func TestWalkFinds(t *testing.T) {
	t.Parallel()
	c := canary.New()
	var m sync.Map
	m.Store("k", c)
	var p atomic.Pointer[hidden]
	p.Store(&hidden{c})
	var v atomic.Value
	v.Store(c)
	_, syntax := strconv.Atoi(c)
	ring := &loop{text: c}
	ring.next = ring
	var builder strings.Builder
	builder.WriteString(c)
	cut := append(make([]byte, 0, 100), c...)[:1]
	var chars [64]rune
	copy(chars[:], []rune(c))
	var array [64]byte
	copy(array[:], c)

	for name, value := range map[string]any{
		"a string":                           c,
		"bytes":                              []byte(c),
		"an array of bytes":                  hidden{array},
		"runes":                              hidden{chars},
		"an unexported field":                hidden{c},
		"a pointer in an unexported field":   &hidden{&hidden{&c}},
		"a map's value":                      hidden{map[string]string{"k": c}},
		"a map's key":                        hidden{map[hidden]int{{c}: 1}},
		"a slice of interfaces":              []any{1, hidden{c}},
		"what a slice had before it was cut": &hidden{cut},
		"a strings.Builder":                  &builder,
		"a bytes.Buffer":                     hidden{bytes.NewBufferString("x" + c)},
		"a sync.Map":                         &m,
		"an atomic.Pointer":                  &hidden{&p},
		"an atomic.Value":                    &v,
		"a ring of pointers":                 ring,
		"a parser's error":                   fmt.Errorf("around: %w", syntax),
		"joined errors":                      errors.Join(errors.New("a"), errors.New(c)),
		"an error that makes its text up":    hidden{made{func() string { return c }}},
		"an error that makes its cause up":   &wrapping{func() error { return errors.New(c) }},
		"a part of it":                       "…" + c[10:24],
		"hexadecimal":                        hex.EncodeToString([]byte(c)),
		"base64 in the middle of a text":     base64.StdEncoding.EncodeToString([]byte("ab" + c + "xyz")),
		"base64, one byte on":                base64.URLEncoding.EncodeToString([]byte("a" + c + "xyz")),
		"fmt's list of bytes":                fmt.Sprint([]byte("a" + c)),
		"Go's list of bytes":                 fmt.Sprintf("%#v", []byte("a"+c)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := canary.For(c).Walk(value)
			require.NotEmpty(t, found)
			assert.NotContains(t, strings.Join(found, " "), c[8:], "a finding must not tell the canary")
		})
	}
}

func TestWalkFindsNothing(t *testing.T) {
	t.Parallel()
	c := canary.New()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	response, err := http.Get(server.URL) // a graph with rings, locks and live connections
	require.NoError(t, err)
	defer response.Body.Close()

	for name, value := range map[string]any{
		"nil":                 nil,
		"a nil pointer":       (*hidden)(nil),
		"a nil error in it":   hidden{error(nil)},
		"another canary":      canary.New(),
		"what a func holds":   hidden{func() string { return c }},
		"an http.Response":    response,
		"a channel of canary": make(chan string),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Empty(t, canary.For(c).Walk(value))
		})
	}
}

func TestPrintedFinds(t *testing.T) {
	t.Parallel()
	c := canary.New()
	search := canary.For(c)
	assert.Contains(t, strings.Join(search.Printed(hidden{[]byte(c)}), "\n"), "fmt %v: as bytes")
	assert.Contains(t, strings.Join(search.Printed(struct{ A []byte }{[]byte(c)}), "\n"), "encoding/json: in base64")
	_, syntax := strconv.Atoi(c)
	assert.NotEmpty(t, search.Error(fmt.Errorf("x: %w", syntax)), "strconv quotes what it can't parse")
	assert.Empty(t, search.Error(nil))
	assert.Empty(t, search.Error(errors.New("quiet")))
}

func TestCaptureLogsTakesBothLoggersAndGivesThemBack(t *testing.T) {
	before, writer, flags := slog.Default(), log.Writer(), log.Flags()
	t.Run("captured", func(t *testing.T) {
		logs := canary.CaptureLogs(t)
		log.Print("from log")
		slog.Debug("from slog")
		assert.Contains(t, logs(), "from log")
		assert.Contains(t, logs(), "from slog")
	})
	assert.Same(t, before, slog.Default())
	assert.Equal(t, writer, log.Writer())
	assert.Equal(t, flags, log.Flags())
}
