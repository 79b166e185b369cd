package refreshing

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestWhatIsRefreshedTogether(t *testing.T) {
	const ttl = 5 * time.Minute
	names := spectest.Numbered("s", 100)

	for what, v := range map[string]secrets.Value{
		"plain values":          {Data: []byte("v"), Version: "1"},
		"values with a default": {Data: []byte(`{"value":"v"}`), Version: "1", Default: "value"},
	} {
		t.Run("is one batch of what is due within a tenth of the TTL, and nothing else: "+what, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, nil, secrets.WithTTL(ttl))
			for _, name := range names {
				p.SetValue(name, v)
				spectest.Get(t, r, name) // each by itself, so that they are due at different times
			}
			next, first := spectest.NextReads(t, r)
			p.ResetCalls()
			spectest.SleepUntil(first)
			for name, at := range next {
				want := 0
				if at.Sub(first) <= ttl/10 {
					want = 1
				}
				assert.Equal(t, want, p.Reads(name), "due %v after the first", at.Sub(first))
			}
			assert.Equal(t, 1, p.Calls().Batches)
		}))
	}

	// Reading early what cannot be read together would only cost more reads.
	each := func(what string, start func(t *testing.T) (*secrets.Resolver, *secretstest.Provider)) {
		t.Run("is nothing where the provider takes no batches: each is read when it is due: "+what, spectest.Bubble(func(t *testing.T) {
			r, p := start(t)
			for _, name := range names {
				p.Set(name, "v")
				spectest.Get(t, r, name)
			}
			next, first := spectest.NextReads(t, r)
			p.ResetCalls()
			for _, after := range []time.Duration{0, ttl / 20, ttl / 10} {
				spectest.SleepUntil(first.Add(after))
				for name, at := range next {
					want := 1
					if at.After(time.Now()) {
						want = 0
					}
					assert.Equal(t, want, p.Reads(name), "due %v after the first, %v after that", at.Sub(first), after)
				}
			}
			assert.Zero(t, p.Calls().Batches)
		}))
	}
	each("it has no such method", func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
		p := spectest.NewPolled(nil)
		return spectest.On(t, spectest.Singly(p), secrets.WithTTL(ttl)), p
	})
	each("it has refused one lately", func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(ttl))
		p.Disable(secretstest.Batch)
		require.Error(t, r.Preload(t.Context(), "no", "such"))
		require.Equal(t, 1, p.Calls().Unsupported)
		return r, p
	})

	t.Run("is not what the backend wants to be asked for at another time", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(ttl))
		start := time.Now()
		p.SetValue("early", secrets.Value{Data: []byte("v"), Version: "1", RefreshAt: start.Add(time.Minute)})
		p.SetValue("late", secrets.Value{Data: []byte("v"), Version: "1", RefreshAt: start.Add(time.Minute + 10*time.Second)})
		spectest.Get(t, r, "early")
		spectest.Get(t, r, "late")
		next, first := spectest.NextReads(t, r)
		require.WithinDuration(t, start.Add(time.Minute), first, time.Millisecond)
		spectest.SleepUntil(first)
		assert.Equal(t, 2, p.Reads("early"))
		assert.Equal(t, 1, p.Reads("late"))
		spectest.SleepUntil(next["late"])
		assert.Equal(t, 2, p.Reads("late"))
	}))

	t.Run("is not a lease: it is renewed by itself, and makes no new user", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(ttl))
		start := time.Now()
		p.SetValue("key", secrets.Value{Data: []byte("v"), Version: "1", RefreshAt: start.Add(50 * time.Second)})
		spectest.Lend(p, "creds", 90*time.Second, 0)
		spectest.Get(t, r, "key")
		spectest.Get(t, r, "creds")
		next, first := spectest.NextReads(t, r)
		require.Equal(t, next["key"], first)
		require.Less(t, next["creds"].Sub(first), ttl/10)
		spectest.SleepUntil(first)
		assert.Equal(t, 2, p.Reads("key"))
		assert.Equal(t, 1, p.Reads("creds"))
		assert.Zero(t, p.Calls().Renewals)
		spectest.SleepUntil(next["creds"])
		assert.Equal(t, 1, p.Reads("creds"))
		assert.Equal(t, 1, p.Calls().Renewals)
	}))

	t.Run("is read, and not renewed, when there is only one and it is no lease", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(ttl))
		spectest.Get(t, r, "db")
		time.Sleep(ttl)
		assert.Equal(t, 2, p.Reads("db"))
		assert.Zero(t, p.Calls().Renewals, "the provider was given no lease to renew")
	}))
}

// A batch is as many calls of the backend as its size asks for, and eight are
// a hundred documents.
func TestRefreshesInFlightAreAHundredDocumentsInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		few, many := spectest.Numbered("few", 25), spectest.Numbered("many", 90)
		r, p := spectest.Polled(t, nil, secrets.WithTTL(100*time.Second), secrets.WithTimeout(5*time.Minute))
		for _, name := range append(few, many...) {
			p.Set(name, "v")
		}
		start := time.Now()
		require.NoError(t, r.Preload(t.Context(), few...)) // due after 80 to 100 seconds
		spectest.SleepUntil(start.Add(36 * time.Second))
		require.NoError(t, r.Preload(t.Context(), many...)) // after 116 to 136
		p.ResetCalls()
		release := p.Block(secretstest.All)
		spectest.SleepUntil(start.Add(110 * time.Second))
		require.Equal(t, 25, p.Calls().Reads)
		spectest.SleepUntil(start.Add(140 * time.Second))
		assert.Equal(t, 25+75, p.Calls().Reads, "there is room for 75 beside the 25 that hang")
		assert.Equal(t, 2, p.Calls().InFlight)
		release()
		synctest.Wait()
		assert.Equal(t, 25+90, p.Calls().Reads, "the rest follows once there is room")
	})
}
