package rotation

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// readTimes notes when a document is read.
type readTimes struct {
	mu    sync.Mutex
	times []time.Time
}

// readAt has p say that the document is what say returns, and notes when.
func (rt *readTimes) readAt(p *secretstest.Provider, path string, say func() (secrets.Value, error)) {
	p.SetFunc(path, func(context.Context) (secrets.Value, error) {
		rt.mu.Lock()
		rt.times = append(rt.times, time.Now())
		rt.mu.Unlock()
		return say()
	})
}

// since returns how long after start the reads were that started no earlier.
func (rt *readTimes) since(start time.Time) (after []time.Duration) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	for _, at := range rt.times {
		if !at.Before(start) {
			after = append(after, at.Sub(start))
		}
	}
	return after
}

func unchanged() (secrets.Value, error) { return secrets.Value{Data: []byte("one"), Version: "1"}, nil }

func TestReadsForAnotherVersion(t *testing.T) {
	t.Run("come at once and then 0.2 s apart, doubling to 3 s, each anywhere in the later half of that, for ten seconds", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, spectest.Rarely())
		var reads readTimes
		reads.readAt(p, "db", unchanged)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)

		gaps := []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3 * time.Second, 3 * time.Second}
		early, late := make([]int, len(gaps)), make([]int, len(gaps))
		for range 100 {
			time.Sleep(time.Second)
			start := time.Now()
			r.Invalidate(s)
			time.Sleep(time.Minute)
			after := reads.since(start)
			require.Zero(t, after[0])
			require.Greater(t, len(after), 5)
			for i, at := range after[1:] {
				most := gaps[min(i, len(gaps)-1)]
				gap := at - after[i]
				require.GreaterOrEqual(t, gap, most/2, "gap %d", i)
				require.LessOrEqual(t, gap, most, "gap %d", i)
				if gap < most/4*3 {
					early[min(i, len(gaps)-1)]++
				} else {
					late[min(i, len(gaps)-1)]++
				}
			}
			require.LessOrEqual(t, after[len(after)-1], 10*time.Second)
			require.Greater(t, after[len(after)-1], 7*time.Second, "the last gap is no longer than 3 s")
		}
		for i := range gaps[:5] {
			assert.Positive(t, early[i], "gap %d is sometimes in the third quarter", i)
			assert.Positive(t, late[i], "gap %d is sometimes in the last quarter", i)
		}
	}))

	t.Run("that fail go on for a minute after somebody asked, and then end", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithOnDemand())
		var reads readTimes
		reads.readAt(p, "db", unchanged)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		reads.readAt(p, "db", func() (secrets.Value, error) { return secrets.Value{}, secrets.ErrUnavailable })
		start := time.Now()
		r.Invalidate(s)
		time.Sleep(time.Hour)
		after := reads.since(start)
		last := after[len(after)-1]
		assert.Greater(t, last, 57*time.Second)
		assert.LessOrEqual(t, last, time.Minute)
	}))

	t.Run("end with the outage, once the ten seconds are over", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithOnDemand())
		var reads readTimes
		reads.readAt(p, "db", unchanged)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		reads.readAt(p, "db", func() (secrets.Value, error) { return secrets.Value{}, secrets.ErrUnavailable })
		start := time.Now()
		r.Invalidate(s)
		time.Sleep(30 * time.Second)
		reads.readAt(p, "db", unchanged)
		time.Sleep(time.Hour)
		after := reads.since(start)
		assert.Greater(t, after[len(after)-1], 30*time.Second)
		assert.LessOrEqual(t, after[len(after)-1], 33*time.Second)
	}))

	t.Run("end once the secret is deleted", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, spectest.Rarely())
		var reads readTimes
		reads.readAt(p, "db", unchanged)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s)
		time.Sleep(time.Second)
		p.Delete("db")
		time.Sleep(2 * time.Second)
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		n := p.Reads("db")
		time.Sleep(time.Minute)
		assert.Equal(t, n, p.Reads("db"))
	}))

	t.Run("end with the resolver", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s)
		time.Sleep(time.Second)
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Zero(t, time.Since(start), "it waits for none")
		n := p.Reads("db")
		r.Invalidate(s)
		time.Sleep(time.Minute)
		assert.Equal(t, n, p.Reads("db"))
	}))

	t.Run("start anew, and at once, when a version is rejected that came back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, spectest.Rarely())
		var reads readTimes
		reads.readAt(p, "db", unchanged)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		r.Invalidate(s)
		time.Sleep(4 * time.Second)
		p.Set("db", "two")
		for spectest.Get(t, r, "db") == "one" {
			time.Sleep(time.Millisecond)
		}
		synctest.Wait() // for the reads to end
		reads.readAt(p, "db", unchanged)
		_, err = r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		require.Equal(t, "one", spectest.Get(t, r, "db"))

		p.Set("db", "two")
		r.Invalidate(s)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("wait for the one that was under way when the version was rejected, and Get for the first of them", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		release := p.Block("db")
		go func() { _, _ = r.Refresh(t.Context(), "db") }()
		synctest.Wait()
		r.Invalidate(s)
		go func() {
			time.Sleep(500 * time.Millisecond)
			p.Set("db", "two")
			release()
		}()
		start := time.Now()
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 500*time.Millisecond, time.Since(start))
		assert.Equal(t, 2, p.Reads("db"))
	}))
}
