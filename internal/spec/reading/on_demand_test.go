package reading

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestOnDemand(t *testing.T) {
	t.Run("reads in the caller's path past the TTL, and has no goroutine", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		p.Set("db", "two")
		time.Sleep(30 * time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Reads("db"), "nothing is read while nobody asks")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("serves the held value when the backend fails, and leaves it alone between", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		spectest.Get(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		for range 600 {
			time.Sleep(time.Second)
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
		}
		assert.Less(t, p.Reads("db"), 120)
	}))
}

func TestOnDemandPlansNoRead(t *testing.T) {
	t.Run("and Status tells of none, neither after a read nor after a failure", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithOnDemand())
		p.Set("db", "one")
		spectest.Get(t, r, "creds")
		spectest.Get(t, r, "db")
		assert.Zero(t, spectest.StatusOf(t, r, "creds").NextRead)
		assert.Zero(t, spectest.StatusOf(t, r, "db").NextRead)
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(6 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		require.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "db").State)
		assert.Zero(t, spectest.StatusOf(t, r, "db").NextRead)
	}))

	t.Run("and a Get reads a watched name once, where nothing is kept", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithOnDemand(), secrets.WithTTL(0))
		spectest.Watch(t, r, "db")
		time.Sleep(time.Second)
		p.ResetCalls()
		spectest.Get(t, r, "db")
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
