package secrets_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestMemory(t *testing.T) {
	t.Run("missing names are remembered up to a tenth of the bound and displace nothing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxEntries(1000))
		spectest.Get(t, r, "db")
		for i := range 5000 {
			_, err := r.Get(t.Context(), fmt.Sprint("missing", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		_, _, missing := r.Held()
		assert.LessOrEqual(t, missing, 100)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("documents and names are bounded: idle ones go, recently used ones stay, and then new ones are not kept", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		for i := range 300 {
			docs[fmt.Sprint("s", i)] = "v"
		}
		r, p := spectest.Polled(t, docs, secrets.WithMaxEntries(200), secrets.WithTTL(time.Minute))
		for i := range 150 {
			assert.Equal(t, "v", spectest.Get(t, r, fmt.Sprint("s", i)))
		}
		documents, names, _ := r.Held()
		assert.LessOrEqual(t, documents+names, 200)
		assert.Equal(t, 100, documents)
		spectest.Get(t, r, "s0")
		assert.Equal(t, 1, p.Reads("s0"), "what was held first and lately is held still")
		spectest.Get(t, r, "s149")
		assert.Equal(t, 2, p.Reads("s149"), "what did not fit is read again")

		time.Sleep(time.Hour)
		for i := 200; i < 250; i++ {
			spectest.Get(t, r, fmt.Sprint("s", i))
			spectest.Get(t, r, fmt.Sprint("s", i))
			assert.Equal(t, 1, p.Reads(fmt.Sprint("s", i)), "idle ones have made room")
		}
		documents, names, _ = r.Held()
		assert.LessOrEqual(t, documents+names, 200)
	}))

	t.Run("watched names stay", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{"watched": "w"}
		for i := range 100 {
			docs[fmt.Sprint("s", i)] = "v"
		}
		r, p := spectest.Polled(t, docs, secrets.WithMaxEntries(20), secrets.WithTTL(time.Minute))
		l, err := secrets.Bind[string](t.Context(), r, "watched", nil)
		require.NoError(t, err)
		for range 10 {
			time.Sleep(10 * time.Minute)
			for i := range 100 {
				spectest.Get(t, r, fmt.Sprint("s", i))
			}
		}
		p.Set("watched", "x")
		time.Sleep(61 * time.Second)
		assert.Equal(t, "x", l.Get())
	}))
}
