package secrets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestCreated(t *testing.T) {
	t.Run("is told by Status as the backend says it", spectest.Bubble(func(t *testing.T) {
		created := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 7200))
		r, p := spectest.Polled(t, nil)
		p.SetValue("db", secrets.Value{Data: []byte("one"), Version: "1", Created: created})
		spectest.Get(t, r, "db")
		got := spectest.StatusOf(t, r, "db").Created
		assert.True(t, created.Equal(got), "%v", got)
		assert.Equal(t, time.UTC, got.Location(), "whatever zone a backend's client is in")
	}))

	t.Run("is zero where the backend does not say it", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		s := spectest.StatusOf(t, r, "db")
		assert.True(t, s.Created.IsZero(), "%v", s.Created)
	}))
}

func TestDerivedVersion(t *testing.T) {
	t.Run("is the same for the same bytes, another for others, and 16 hex digits to print", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		version := func(data string) string {
			p.SetValue("db", secrets.Value{Data: []byte(data)})
			s, err := r.Refresh(t.Context(), "db")
			require.NoError(t, err)
			return s.Version()
		}
		one, two := version("one"), version("two")
		assert.NotEqual(t, one, two)
		assert.Equal(t, one, version("one"))
		assert.Regexp(t, `^[0-9a-f]{16}$`, one)
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
