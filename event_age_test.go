package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestAgeOfWhatWasHeldThroughASleep(t *testing.T) {
	t.Run("has the time in it for which the machine slept, once a read has failed", spectest.Bubble(func(t *testing.T) {
		var l spectest.Listener
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, c.option(), l.Option(), secrets.WithMaxStale(24*time.Hour))
		time.Sleep(20 * time.Minute)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(time.Minute)
		c.step(3 * time.Hour)
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 3*time.Hour+time.Minute, l.First(t, secrets.EventStale).Age, float64(10*time.Second))

		c.step(21 * time.Hour)
		time.Sleep(time.Minute)
		assert.ErrorContains(t, r.Healthy(), "expired, 24h2m")
	}))
}
