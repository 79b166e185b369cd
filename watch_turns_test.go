package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWhatAWatchLeavesBehind(t *testing.T) {
	t.Run("leaves nothing behind of a name that is missing, and what is held as it is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithNegativeTTL(time.Second))
		for _, name := range []string{"db", "missing"} {
			w := spectest.Watch(t, r, name)
			w.Cancel()
			<-w.Ended
		}
		time.Sleep(5 * time.Second)
		documents, names, missing := r.Held()
		assert.Equal(t, []int{1, 1, 0}, []int{documents, names, missing})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
