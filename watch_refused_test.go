package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestAProviderThatCannotWatchIsAskedOncePerDocument(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one", "other": "one"}, secrets.WithTTL(time.Minute))
		for _, name := range []string{"db", "other", "db"} {
			spectest.Get(t, r, name)
		}
		spectest.KeepUsing(t, r, "db", "other")
		time.Sleep(time.Hour)
		assert.Greater(t, p.Reads("db"), 50)
		assert.Equal(t, 2, p.Calls().Unsupported)
	})(t)
}
