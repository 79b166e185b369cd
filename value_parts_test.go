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
