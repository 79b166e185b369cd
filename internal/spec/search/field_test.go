package search

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestFields(t *testing.T) {
	docs := func() map[string]string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 100 {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, `"f%d":"v%d"`, i, i)
		}
		return map[string]string{"db": b.String() + "}"}
	}

	t.Run("a hundred fields by # are one read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs())
		for i := range 100 {
			assert.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, fmt.Sprint("db#f", i)))
		}
		assert.Equal(t, 1, p.Calls().Reads)
	}))

	t.Run("a hundred fields by / are one read of the document and an exact try each, once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs())
		for range 2 {
			for i := range 100 {
				assert.Equal(t, fmt.Sprint("v", i), spectest.Get(t, r, fmt.Sprint("db/f", i)))
			}
		}
		assert.Equal(t, 1, p.Reads("db"))
		assert.Equal(t, 101, p.Calls().Reads)
	}))

	t.Run("a pointer reaches into the document and an exact key goes before it", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": `{"a":{"b":["x",{"c":12345678901234567890}]},"/a/b":"key"}`})
		assert.Equal(t, "key", spectest.Get(t, r, "db#/a/b"))
		assert.Equal(t, "x", spectest.Get(t, r, "db#/a/b/0"))
		assert.Equal(t, "12345678901234567890", spectest.Get(t, r, "db#/a/b/1/c"))
	}))
}

func TestADocumentWithAByteOrderMarkHasFields(t *testing.T) {
	t.Parallel()
	const mark = "\uFEFF"
	r, _ := secretstest.New(t, map[string]string{"db": mark + ` {"password":"one","in":{"a":[1]}}`, "text": mark + "plain"})
	for name, want := range map[string]string{"db/password": "one", "db#password": "one", "db#/in/a/0": "1", "text": mark + "plain"} {
		s, err := r.Get(t.Context(), name)
		require.NoError(t, err, name)
		assert.Equal(t, want, s.Reveal(), "only what is read as JSON loses its mark")
	}
	s, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	var dst struct{ Password string }
	require.NoError(t, s.Decode(&dst))
	assert.Equal(t, "one", dst.Password)
	field, err := s.Field("password")
	require.NoError(t, err)
	assert.Equal(t, "one", field.Reveal())
}

func TestFieldOfADecodedDocument(t *testing.T) {
	t.Run("that is not there is not found, decoded or not", spectest.Bubble(func(t *testing.T) {
		for _, options := range []string{"", "?decode=base64", "?trim=newline", "?decode=base64&trim=newline"} {
			p := spectest.NewPolled(map[string]string{"db": `{"user":"dQ=="}`, "list": `["dQ=="]`})
			r := spectest.Open(t, spectest.Scheme(t, p)+"://"+options)
			spectest.Get(t, r, "db#user")
			for _, name := range []string{"db#password", "db/password", "db#/user/name"} {
				_, err := r.Get(t.Context(), name)
				assert.ErrorIs(t, err, secrets.ErrNotFound, "%s %s", options, name)
			}
			_, err := r.Get(t.Context(), "list#user")
			assert.ErrorIs(t, err, secrets.ErrInvalid, options)
		}
	}))
}

func TestFieldsAreParsedOnce(t *testing.T) {
	t.Run("whatever the document has besides", spectest.Bubble(func(t *testing.T) {
		var doc strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&doc, `,"key%d":"value%d"`, i, i)
		}
		for what, v := range map[string]secrets.Value{
			"nothing":    {},
			"an end":     {Expires: time.Now().Add(time.Hour)},
			"a lease":    {Lease: 1},
			"a default":  {Default: "key1"},
			"a schedule": {RefreshAt: time.Now().Add(time.Hour)},
		} {
			r, p := spectest.Polled(t, nil)
			v.Data, v.Version = []byte(`{"user":"u"`+doc.String()+`}`), "1"
			p.SetValue("db", v)
			s, err := r.Get(t.Context(), "db#user")
			require.NoError(t, err)
			require.Equal(t, "u", s.Reveal())
			whole, err := r.Get(t.Context(), "db")
			require.NoError(t, err)
			allocs := testing.AllocsPerRun(20, func() { _, _ = whole.Field("key7") })
			assert.Less(t, allocs, 20., "%s: a thousand fields are not parsed again", what)
		}
	}))
}
