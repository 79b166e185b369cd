package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWatchOfAFieldThatIsGone(t *testing.T) {
	t.Run("is left in peace by who follows it", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one","user":"u"}`}, l.option())
		spectest.Watch(t, r, "db/password")
		time.Sleep(time.Second)
		p.Fail("db/password", secrets.ErrUnavailable)
		p.Set("db", `{"user":"u"}`)
		time.Sleep(6 * time.Minute)
		assert.Less(t, l.during(func() { time.Sleep(time.Minute) }), int64(600), "the refresher looks each second")
	}))
}
