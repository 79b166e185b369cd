package secrets_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestANameThatIsLostWhileItsExactDocumentIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": `{"a":"1","b":"2","c":"3"}`})
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Minute)) // no batches: each document is settled when it was read
		spectest.Get(t, r, "db/a")
		spectest.Get(t, r, "db/b")
		watched := spectest.Watch(t, r, "db/c")
		spectest.KeepUsing(t, r, "db/a", "db/b")
		for p.Reads("db") < 10 {
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, p.Reads("db/b"))
		p.Delete("db")
		p.Delay("db/b", 1500*time.Millisecond) // when this is known, the others are lost already
		for p.Reads("db/b") < 2 {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		for _, name := range []string{"db/a", "db/b"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		assert.Equal(t, []string{"3", "<" + secrets.ErrNotFound.Error() + ">"}, watched.All())
		p.Set("db", `{"a":"4","b":"5","c":"6"}`)
		time.Sleep(time.Minute)
		assert.Equal(t, "4", spectest.Get(t, r, "db/a"))
		assert.Equal(t, "5", spectest.Get(t, r, "db/b"))
		assert.Equal(t, "6", spectest.Get(t, r, "db/c"))
	})
}
