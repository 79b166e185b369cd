package secrets_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWhatIsHeldOfAValueThatRefersElsewhere(t *testing.T) {
	t.Run("and not held where nothing is kept", spectest.Bubble(func(t *testing.T) {
		r, _, _, _ := spectest.Led(t, secrets.WithTTL(0))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
	}))

	t.Run("and goes with its name when there is no room", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t, secrets.WithMaxEntries(20))
		spectest.Get(t, r, "db")
		spectest.AskOthers(t, r, values, time.Hour)
		for _, s := range r.Status() {
			assert.False(t, strings.HasSuffix(s.Document, "://db"), s.Document)
		}
		values.Set("db", to("y"))
		assert.Equal(t, "two", spectest.Get(t, r, "db"), "it is searched for anew")
		documents, names, _ := r.Held()
		assert.LessOrEqual(t, documents+names, 20)
	}))
}
