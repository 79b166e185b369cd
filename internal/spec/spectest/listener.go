package spectest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A Listener keeps the events that a resolver tells, but for reads.
type Listener struct {
	mu     sync.Mutex
	events []secrets.Event
}

// Option has a resolver tell l.
func (l *Listener) Option() secrets.Option {
	return secrets.WithObserver(func(_ context.Context, e secrets.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if e.Kind != secrets.EventRead {
			l.events = append(l.events, e)
		}
	})
}

// Take returns the events so far, and forgets them.
func (l *Listener) Take() []secrets.Event {
	synctest.Wait() // until they are told
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// First returns the first event of a kind, and leaves all where they are.
func (l *Listener) First(t testing.TB, kind secrets.EventKind) secrets.Event {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			return e
		}
	}
	require.Fail(t, "no such event", string(kind))
	return secrets.Event{}
}

// KindsOf returns the kinds of events.
func KindsOf(events []secrets.Event) (kinds []secrets.EventKind) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}
