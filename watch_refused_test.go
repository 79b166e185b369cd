package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
)

func TestAProviderThatCannotWatchIsAskedOncePerDocument(t *testing.T) {
	in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": "one", "other": "one"}, secrets.WithTTL(time.Minute))
		for _, name := range []string{"db", "other", "db"} {
			value(t, r, name)
		}
		keepUsing(t, r, "db", "other")
		time.Sleep(time.Hour)
		assert.Greater(t, p.Reads("db"), 50)
		assert.Equal(t, 2, p.Calls().Unsupported)
	})(t)
}
