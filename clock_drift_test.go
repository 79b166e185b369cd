package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// A jump of the wall clock has everything read again within five seconds, so
// that reads are how a test sees that one was noticed.
func TestWallTimeThatRunsAhead(t *testing.T) {
	const noticed = 7 * time.Second // a look at the clocks, and the reads that it brings about

	t.Run("by two seconds in all is drift, and by more a jump", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely(), c.option())
		spectest.Get(t, r, "db")
		for range 4 {
			c.step(500 * time.Millisecond)
			time.Sleep(noticed)
			assert.Equal(t, 1, p.Reads("db"))
		}
		c.step(1)
		time.Sleep(noticed)
		assert.Equal(t, 2, p.Reads("db"))
		c.step(2 * time.Second)
		time.Sleep(noticed)
		assert.Equal(t, 2, p.Reads("db"), "it is counted anew after a jump")
	}))

	t.Run("is noticed from wherever it was set back to, however often", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely(), c.option())
		spectest.Get(t, r, "db")
		for i := range 3 {
			c.step(-24 * time.Hour)
			time.Sleep(noticed)
			assert.Equal(t, 1+i, p.Reads("db"), "a step back changes nothing")
			c.step(time.Hour)
			time.Sleep(noticed)
			assert.Equal(t, 2+i, p.Reads("db"))
		}
		c.step(-24 * time.Hour)
		time.Sleep(noticed)
		c.step(-24 * time.Hour)
		time.Sleep(noticed)
		c.step(time.Hour)
		time.Sleep(noticed)
		assert.Equal(t, 5, p.Reads("db"))
	}))

	t.Run("is noticed by a Get on demand, which has no other who looks", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely(), secrets.WithOnDemand(), c.option())
		spectest.Get(t, r, "db")
		c.step(2 * time.Second)
		spectest.Get(t, r, "db")
		assert.Equal(t, 1, p.Reads("db"))
		c.step(1)
		spectest.Get(t, r, "db")
		assert.Equal(t, 2, p.Reads("db"))
	}))
}
