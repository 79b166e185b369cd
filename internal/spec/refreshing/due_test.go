package refreshing

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// A timetable is a backend that says of each document when it is to be read
// again, and notes the reads that come at another time.
type timetable struct {
	mu    sync.Mutex
	next  map[string]time.Time // when the document is to be read
	reads int                  // that nobody asked for
	wrong []string
}

// serve has p hold the documents, each read again after a while that draw says.
func (tt *timetable) serve(p *secretstest.Provider, names []string, draw func(i int) func() time.Duration) {
	tt.next = make(map[string]time.Time)
	for i, name := range names {
		after := draw(i)
		p.SetFunc(name, func(context.Context) (secrets.Value, error) {
			tt.mu.Lock()
			defer tt.mu.Unlock()
			now := time.Now()
			if at := tt.next[name]; !at.IsZero() {
				tt.reads++
				// Reads that end together are told apart by a nanosecond each.
				if late := now.Sub(at); late < 0 || late > time.Microsecond {
					tt.wrong = append(tt.wrong, fmt.Sprintf("%s is read %v late", name, late))
				}
			}
			tt.next[name] = now.Add(after())
			return secrets.Value{Data: []byte("v"), Version: "1", RefreshAt: tt.next[name]}, nil
		})
	}
}

// ask has a document be read before its time.
func (tt *timetable) ask(t testing.TB, r *secrets.Resolver, name string) {
	t.Helper()
	tt.mu.Lock()
	tt.next[name] = time.Time{}
	tt.mu.Unlock()
	_, err := r.Refresh(t.Context(), name)
	require.NoError(t, err)
}

// late adds what should have been read by now, and was not.
func (tt *timetable) late() []string {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	wrong := tt.wrong
	for name, at := range tt.next {
		if at.Before(time.Now()) {
			wrong = append(wrong, fmt.Sprintf("%s is not read since %v", name, time.Since(at)))
		}
	}
	return wrong
}

func TestEachDocumentIsReadWhenItIsDue(t *testing.T) {
	names := spectest.Numbered("s", 150)
	for what, draw := range map[string]func(i int) func() time.Duration{
		"if the last ones are due first": func(i int) func() time.Duration {
			return func() time.Duration { return 10*time.Minute - time.Duration(i)*time.Second }
		},
		"if the first ones are": func(i int) func() time.Duration {
			return func() time.Duration { return 5*time.Minute + time.Duration(i)*time.Second }
		},
		"if they are in no order": func(i int) func() time.Duration {
			source := spectest.Drawn(i)
			return func() time.Duration {
				return 2*time.Second + time.Duration(source.Int64N(int64(10*time.Minute)))
			}
		},
		"if some are due together": func(i int) func() time.Duration {
			source := spectest.Drawn(i)
			return func() time.Duration { return time.Duration(2+source.Int64N(60)) * 10 * time.Second }
		},
	} {
		t.Run(what, spectest.Bubble(func(t *testing.T) {
			var plan timetable
			p := spectest.NewPolled(nil)
			plan.serve(p, names, draw)
			r := spectest.On(t, spectest.Singly(p), secrets.WithIdle(24*time.Hour)) // no batches, which would read some early
			for _, name := range names {
				spectest.Get(t, r, name)
			}
			chance := spectest.Drawn(-1)
			for range 600 {
				time.Sleep(time.Duration(1 + chance.Int64N(int64(2*time.Second))))
				plan.ask(t, r, names[chance.IntN(len(names))])
			}
			spectest.SleepUntil(time.Now().Add(10 * time.Minute))
			assert.Empty(t, plan.late())
			assert.Greater(t, plan.reads, len(names))
		}))
	}
}
