package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestSharedDocumentHasTheShortestTTL(t *testing.T) {
	for _, second := range []string{"plain", "fast"} {
		t.Run(second+" after one that is longer", spectest.Bubble(func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"db": `{"password":"p1","user":"u1"}`})
			p.Disable(secretstest.Watch)
			name := spectest.Scheme(t, p)
			r, err := secrets.Open(t.Context(), name+"://", secrets.WithLogger(nil), secrets.WithTTL(5*time.Minute), secrets.WithReferences(map[string]string{
				"slow":  name + "://db?ttl=10h#password",
				"plain": name + "://db#user",
				"fast":  name + "://db?ttl=1m#user",
			}))
			require.NoError(t, err)
			defer r.Close()
			require.Equal(t, "p1", spectest.Get(t, r, "slow"))
			require.Equal(t, "u1", spectest.Get(t, r, second))
			spectest.KeepUsing(t, r, second)
			p.Set("db", `{"password":"p2","user":"u2"}`)
			time.Sleep(6 * time.Minute)
			assert.Equal(t, "u2", spectest.Get(t, r, second))
		}))
	}
}
