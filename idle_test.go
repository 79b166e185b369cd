package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestUseOfWhatWasIdleBeforeItIsDue(t *testing.T) {
	t.Run("before it is due has it refreshed when it is", spectest.Bubble(func(t *testing.T) {
		for range 100 {
			var l looks
			r, p := spectest.Polled(t, map[string]string{"a": "1", "b": "2"}, secrets.WithTTL(10*time.Minute), secrets.WithIdle(time.Minute), l.option())
			p.Disable(secretstest.Batch) // which would have both due at the same time
			for range 3 {
				spectest.Get(t, r, "a")
				spectest.Get(t, r, "b")
			}
			time.Sleep(10 * time.Minute) // each is read once more, for it was used
			name, due := "b", spectest.StatusOf(t, r, "b").NextRead
			first := spectest.StatusOf(t, r, "a").NextRead
			if first.After(due) {
				name, due, first = "a", first, due
			}
			p.ResetCalls()
			// With what is due, what is due soon is found to be idle.
			time.Sleep(time.Until(first) + time.Second)
			if time.Until(due) < time.Second || !spectest.StatusOf(t, r, name).NextRead.IsZero() {
				continue
			}
			spectest.Get(t, r, name)
			assert.Equal(t, due, spectest.StatusOf(t, r, name).NextRead)
			assert.Zero(t, l.during(func() { spectest.Get(t, r, name) }), "it is held, and in use")
			time.Sleep(time.Until(due) + time.Second)
			assert.Equal(t, 1, p.Reads(name))
			return
		}
		assert.Fail(t, "of two documents none was found to be idle before it was due")
	}))
}
