package binding_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// What went wrong in other libraries that fill structs by their tags.
func TestReportedOfOthers(t *testing.T) {
	t.Parallel()
	r := spectest.On(t, spectest.NewPolled(map[string]string{"token": "t", "db": `{"port":"5432"}`, "age": "7"}))

	// caarlos0/env#41, jessevdk/go-flags#151, creasty/defaults#5
	t.Run("pointers, slices and maps without a tag stay as they are, nil too", func(t *testing.T) {
		var dst struct {
			Token  string `secret:"token"`
			Client *http.Client
			Thing  *struct{}
			List   []string
			Map    map[string]any
		}
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Equal(t, "t", dst.Token)
		assert.Nil(t, dst.Client)
		assert.Nil(t, dst.Thing)
		assert.Nil(t, dst.List)
		assert.Nil(t, dst.Map)
	})

	// creasty/defaults#68
	t.Run("a default that cannot be read is an error behind a pointer, too", func(t *testing.T) {
		type inner struct {
			Wait time.Duration `secret:"missing,default=soon"`
		}
		var direct struct{ Inner inner }
		var behind struct{ Inner *inner }
		require.ErrorIs(t, r.Load(t.Context(), &direct), secrets.ErrInvalid)
		require.ErrorIs(t, r.Load(t.Context(), &behind), secrets.ErrInvalid)
		assert.Nil(t, behind.Inner)
	})

	// gookit/goutil#173
	t.Run("a nested struct of the same field names has its own", func(t *testing.T) {
		type Nested struct {
			Age int `secret:"age"`
		}
		var dst struct {
			Nested
			Age int `secret:"missing,default=1"`
		}
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Equal(t, 1, dst.Age)
		assert.Equal(t, 7, dst.Nested.Age)
	})

	// creasty/defaults#14
	t.Run("a tag on a field that is not exported is an error, and not passed over", func(t *testing.T) {
		var dst struct {
			token string `secret:"token"` //nolint:unused // it is what is tried
		}
		err := r.Load(t.Context(), &dst)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "token")
		_ = dst.token
	})
}
