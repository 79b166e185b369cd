package secrets_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
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

func TestNoTTL(t *testing.T) {
	t.Run("keeps nothing: every Get reads", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 4, p.Reads("db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
		p.Fail("db", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
	}))

	t.Run("shares the read that is under way", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		p.Delay("db", time.Second)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = r.Get(t.Context(), "db") })
		}
		wg.Wait()
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
