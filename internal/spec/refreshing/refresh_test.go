package refreshing

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestRefreshing(t *testing.T) {
	t.Run("a hundred documents in use cost at most 1.2 batches for each twenty of them and TTL", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		var names []string
		for i := range 100 {
			name := fmt.Sprint("s", i)
			docs[name], names = "v", append(names, name)
		}
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
		require.NoError(t, r.Preload(t.Context(), names...))
		spectest.KeepUsing(t, r, names...)
		p.ResetCalls()
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, float64(p.Calls().Batches)*5, 1.2*5*10, "a batch of a hundred is five of twenty")
		assert.LessOrEqual(t, float64(p.Calls().Reads), 1.2*100*10)
		assert.GreaterOrEqual(t, p.Calls().Reads, 100*10)
	}))

	t.Run("a thousand documents are read a batch at a time, since a batch is several calls", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		var names []string
		for i := range 1000 {
			name := fmt.Sprint("s", i)
			docs[name], names = "v", append(names, name)
		}
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
		require.NoError(t, r.Preload(t.Context(), names...))
		spectest.KeepUsing(t, r, names...)
		p.ResetCalls()
		release := p.Block(secretstest.All)
		defer release()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().MaxInFlight, "one that began early enough has been given up by now")
	}))

	t.Run("documents that were read apart come together", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		for i := range 20 {
			docs[fmt.Sprint("s", i)] = "v"
		}
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
		for name := range docs {
			spectest.Get(t, r, name)
			spectest.KeepUsing(t, r, name)
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		p.ResetCalls()
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, p.Calls().Batches+p.Calls().Fetches, 60)
	}))

	t.Run("reads are spread over 0.8 to 1.0 of the TTL", spectest.Bubble(func(t *testing.T) {
		var first, last time.Duration = time.Hour, 0
		for range 50 {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(100*time.Second))
			spectest.Get(t, r, "db")
			stop := spectest.KeepUsing(t, r, "db")
			start := time.Now()
			for p.Reads("db") < 2 {
				time.Sleep(time.Second)
			}
			first, last = min(first, time.Since(start)), max(last, time.Since(start))
			stop()
			require.NoError(t, r.Close())
		}
		assert.GreaterOrEqual(t, first, 80*time.Second)
		assert.LessOrEqual(t, last, 101*time.Second)
		assert.Greater(t, last-first, 10*time.Second)
	}))

	t.Run("at most 8 refreshes of a provider are in flight, and cold reads do not wait for them", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{"cold": "v"}
		var names []string
		for i := range 50 {
			name := fmt.Sprint("s", i)
			docs[name], names = "v", append(names, name)
		}
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute), secrets.WithTimeout(30*time.Second))
		p.Disable(secretstest.Batch)
		require.NoError(t, r.Preload(t.Context(), names...))
		spectest.KeepUsing(t, r, names...)
		for _, name := range names {
			defer p.Block(name)()
		}
		time.Sleep(61 * time.Second)
		assert.Equal(t, 8, p.Calls().InFlight)
		assert.Equal(t, "v", spectest.Get(t, r, "cold"))
	}))

	t.Run("RefreshAt beyond MaxStale does not let the value expire", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithMaxStale(24*time.Hour))
		p.SetFunc("db", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("v"), RefreshAt: time.Now().Add(30 * 24 * time.Hour)}, nil
		})
		spectest.Watch(t, r, "db")
		for day := range 7 {
			require.Equal(t, 1+day, p.Reads("db"))
			time.Sleep(22 * time.Hour)
		}
	}))
}
