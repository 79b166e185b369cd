package outage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// A name whose field is gone from its document, and which cannot be looked for
// elsewhere, keeps its value for as long as that may be served, and no longer.
func TestWhatIsHeldOfAFieldThatIsGone(t *testing.T) {
	const bound = 6 * time.Minute
	for what, make := range map[string]func(t *testing.T) (*secrets.Resolver, *secretstest.Provider){
		"MaxStale": func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
			return spectest.Polled(t, map[string]string{"db": `{"password":"one","user":"u"}`}, secrets.WithMaxStale(bound))
		},
		"the end of its value": func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
			r, p := spectest.Polled(t, nil)
			p.SetValue("db", secrets.Value{Data: []byte(`{"password":"one","user":"u"}`), Version: "1", Expires: time.Now().Add(bound)})
			return r, p
		},
	} {
		for _, why := range []error{secrets.ErrPermission, secrets.ErrUnavailable} {
			t.Run("is served until "+what+": "+why.Error(), spectest.Bubble(func(t *testing.T) {
				r, p := make(t)
				start := time.Now()
				require.Equal(t, "one", spectest.Get(t, r, "db/password"))
				l, err := secrets.Bind[string](t.Context(), r, "db/password", nil)
				require.NoError(t, err)
				p.Fail("db/password", why)
				p.SetValue("db", secrets.Value{Data: []byte(`{"user":"u"}`), Version: "2"})
				for time.Since(start) < bound {
					require.Equal(t, "one", spectest.Get(t, r, "db/password"))
					require.NoError(t, l.Err())
					time.Sleep(time.Second)
				}
				time.Sleep(time.Millisecond) // two reads are never at the same time
				_, err = r.Get(t.Context(), "db/password")
				require.ErrorIs(t, err, why)
				time.Sleep(2 * time.Second)
				require.ErrorIs(t, l.Err(), why)
				assert.Equal(t, "u", spectest.Get(t, r, "db/user"))
				assert.Equal(t, "u", spectest.Get(t, r, "db#user"))
				assert.Equal(t, "one", l.Get(), "the last good one")
			}))
		}
	}
}
