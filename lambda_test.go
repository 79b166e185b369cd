package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// AWS Lambda sets the variable in every function, and freezes the process
// between requests.
func TestOnLambda(t *testing.T) {
	for what, of := range map[string]struct {
		function string
		early    int // reads of what was used a minute ago, at a TTL of a minute
	}{
		"nothing is read while nobody asks":                     {"checkout", 1},
		"without a function's name, what is used is read again": {"", 2},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_FUNCTION_NAME", of.function)
			spectest.Bubble(func(t *testing.T) {
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
				spectest.Get(t, r, "db")
				p.Set("db", "two")
				time.Sleep(61 * time.Second)
				assert.Equal(t, of.early, p.Reads("db"))
				assert.Equal(t, "two", spectest.Get(t, r, "db"))
				assert.Equal(t, 2, p.Reads("db"))
			})(t)
		})
	}
}
