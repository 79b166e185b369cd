package observing

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
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

// journal keeps what a resolver logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) option() secrets.Option {
	return secrets.WithLogger(slog.New(slog.NewTextHandler(j, nil)))
}

// take returns the lines of failed refreshes, and forgets all.
func (j *journal) take() (lines []string) {
	synctest.Wait() // until it is told
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, "secret not refreshed") {
			lines = append(lines, line)
		}
	}
	j.text.Reset()
	return lines
}

func TestOutageInTheLog(t *testing.T) {
	// tenHeld returns ten documents that are in use and read together.
	tenHeld := func(t *testing.T) (*secrets.Resolver, *secretstest.Provider, *journal) {
		docs := map[string]string{}
		var names []string
		for i := range 10 {
			name := fmt.Sprint("s", i)
			docs[name], names = "v", append(names, name)
		}
		j := new(journal)
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute), j.option())
		require.NoError(t, r.Preload(t.Context(), names...))
		for _, name := range names {
			spectest.Watch(t, r, name)
		}
		return r, p, j
	}
	// next waits for the next refresh, which fails.
	next := func(p *secretstest.Provider) {
		for before := p.Calls().Batches; p.Calls().Batches == before; {
			time.Sleep(10 * time.Millisecond)
		}
	}

	t.Run("is told by one document, at its first failure, its second, fourth, eighth …", spectest.Bubble(func(t *testing.T) {
		_, p, j := tenHeld(t)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		p.Delay(secretstest.All, 100*time.Millisecond) // so that two failures are never within one look at them
		var told []int
		next(p)
		for failure := 1; failure <= 40; failure++ {
			next(p) // the one before has ended, and this one has just begun
			lines := j.take()
			assert.LessOrEqual(t, len(lines), 1)
			if len(lines) > 0 {
				told = append(told, failure)
			}
		}
		assert.Equal(t, []int{1, 2, 4, 8, 16, 32}, told)
	}))

	t.Run("is told anew when the one before has ended", spectest.Bubble(func(t *testing.T) {
		_, p, j := tenHeld(t)
		for range 3 {
			p.Fail(secretstest.All, secretstest.Throttled(10*time.Second))
			next(p)
			time.Sleep(time.Millisecond)
			assert.Len(t, j.take(), 1)
			p.Heal()
			time.Sleep(time.Minute)
			j.take()
		}
	}))

	t.Run("of documents, not of their provider, is told by each of them", spectest.Bubble(func(t *testing.T) {
		_, p, j := tenHeld(t)
		p.Fail(secretstest.All, &spectest.RetryAfterError{Err: secrets.ErrPermission, After: 10 * time.Second})
		next(p)
		time.Sleep(time.Millisecond)
		assert.Len(t, j.take(), 10)
	}))

	t.Run("begins, for the log, with the first document that somebody refreshes in vain", spectest.Bubble(func(t *testing.T) {
		r, p, j := tenHeld(t)
		p.Fail(secretstest.All, secrets.ErrThrottled)
		_, err := r.Refresh(t.Context(), "s1")
		require.ErrorIs(t, err, secrets.ErrThrottled)
		lines := j.take()
		require.NotEmpty(t, lines)
		assert.Contains(t, lines[0], "document=s1")
		assert.Contains(t, lines[0], "failures=1 ")
	}))
}
