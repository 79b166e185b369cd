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

func TestADurationWithoutAUnitIsRefused(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]secrets.Option{
		"WithTTL": secrets.WithTTL(300), "WithMaxStale": secrets.WithMaxStale(86400), "WithTimeout": secrets.WithTimeout(10),
		"WithNegativeTTL": secrets.WithNegativeTTL(2),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := secretstest.NewProvider(map[string]string{"a": "1"})
			r := secrets.New(p, option)
			_, err := r.Get(t.Context(), "a")
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, name)
			assert.ErrorContains(t, err, "*time.Second")
			assert.Zero(t, p.Calls().Reads)
			require.ErrorIs(t, r.Close(), secrets.ErrInvalid)
		})
	}
	t.Run("in a Config", func(t *testing.T) {
		t.Parallel()
		ttl := secrets.Duration(300)
		for _, cache := range []secrets.CacheConfig{{TTL: &ttl}, {MaxStale: 300}, {Timeout: 300}, {NegativeTTL: 300}} {
			_, err := secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{"optioned://"}, Cache: cache})
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, "300ns")
		}
	})
	t.Run("but a millisecond is not, nor is a TTL of zero", func(t *testing.T) {
		t.Parallel()
		for _, option := range []secrets.Option{secrets.WithTTL(time.Millisecond), secrets.WithTTL(0), secrets.WithTimeout(time.Millisecond)} {
			r := secrets.New(spectest.NewPolled(nil), option)
			require.NoError(t, r.Close())
		}
	})
}
