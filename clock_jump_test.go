package secrets_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestAClockJump(t *testing.T) {
	t.Run("spreads the reads of what is held over five seconds, and each happens when Status says", spectest.Bubble(func(t *testing.T) {
		const jump = 24 * time.Hour
		c := newSteps()
		p := spectest.NewPolled(nil)
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Hour), c.option()) // no batches, which would take them together
		names := spectest.Numbered("s", 50)
		for _, name := range names {
			p.Set(name, "v")
			spectest.Get(t, r, name)
		}
		p.ResetCalls()
		look := time.Now() // and then once a second
		spectest.SleepUntil(look.Add(500 * time.Millisecond))
		c.step(jump)
		seen := look.Add(time.Second)
		spectest.SleepUntil(seen)
		next, first := spectest.NextReads(t, r)
		require.Len(t, next, len(names))
		var due []time.Time
		for _, at := range next {
			due = append(due, at.Add(-jump))
		}
		slices.SortFunc(due, time.Time.Compare)
		assert.False(t, due[0].Before(seen))
		assert.Less(t, due[len(due)-1].Sub(seen), 5*time.Second)
		assert.Greater(t, due[len(due)-1].Sub(first.Add(-jump)), 2*time.Second, "not all at once")
		for i, at := range due {
			if i+1 < len(due) && due[i+1].Equal(at) {
				continue // two of the same draw
			}
			spectest.SleepUntil(at)
			require.Equal(t, i+1, p.Calls().Reads, "%v after the jump was seen", at.Sub(seen))
		}
	}))

	t.Run("leaves what is on demand to those who ask", spectest.Bubble(func(t *testing.T) {
		c := newSteps()
		r, p := spectest.Polled(t, map[string]string{"db": "one", "key": "k"}, secrets.WithOnDemand(), c.option())
		spectest.Get(t, r, "db")
		spectest.Get(t, r, "key")
		c.step(24 * time.Hour)
		spectest.Get(t, r, "db")
		assert.Equal(t, 2, p.Reads("db"))
		for _, s := range r.Status() {
			assert.Zero(t, s.NextRead, "%s is read when somebody asks", s.Document)
		}
		time.Sleep(time.Minute)
		assert.Equal(t, 1, p.Reads("key"))
		spectest.Get(t, r, "key")
		assert.Equal(t, 2, p.Reads("key"))
	}))
}
