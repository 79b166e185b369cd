package secrets_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestNewNameOfADocumentThatWasIdle(t *testing.T) {
	t.Run("is had without a look at the clock, though it was idle", spectest.Bubble(func(t *testing.T) {
		var l looks
		r, p := spectest.Referring(t, map[string]string{"slow": "db?ttl=1h", "fast": "db?ttl=30m"}, secrets.WithTTL(100*time.Hour), secrets.WithIdle(time.Minute), l.option())
		p.Set("db", "one")
		p.Set("other", "one")
		spectest.Watch(t, r, "other")
		synctest.Wait()
		spectest.SleepUntil(spectest.NextRead(t, r, "other").Add(-5 * time.Minute))
		spectest.Get(t, r, "slow")
		time.Sleep(5*time.Minute + 100*time.Millisecond)
		require.Equal(t, 2, p.Reads("other"))
		require.Zero(t, spectest.NextRead(t, r, "slow"), "it could have been read with the other, and was left alone")
		spectest.Get(t, r, "fast")
		assert.WithinRange(t, spectest.NextRead(t, r, "fast"), time.Now(), time.Now().Add(25*time.Minute))
		time.Sleep(time.Second) // by then the new name has its place
		assert.Zero(t, l.during(func() { spectest.Get(t, r, "fast") }))
	}))
}
