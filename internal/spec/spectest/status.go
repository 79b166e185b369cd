package spectest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// StatusOf returns the state of the document at path.
func StatusOf(t testing.TB, r *secrets.Resolver, path string) secrets.Status {
	t.Helper()
	for _, s := range r.Status() {
		if s.Document == path {
			return s
		}
	}
	require.Fail(t, "no such document", path)
	return secrets.Status{}
}

// NextReads returns when each document that is held is to be read, as Status
// tells, and the first of these times.
func NextReads(t testing.TB, r *secrets.Resolver) (next map[string]time.Time, first time.Time) {
	t.Helper()
	next = make(map[string]time.Time)
	for _, s := range r.Status() {
		if s.State == secrets.StateMissing {
			continue
		}
		require.False(t, s.NextRead.IsZero(), s.Document)
		next[s.Document] = s.NextRead
		if first.IsZero() || s.NextRead.Before(first) {
			first = s.NextRead
		}
	}
	return next, first
}

// NextRead returns when the document of a name is to be read; zero: when
// somebody asks.
func NextRead(t testing.TB, r *secrets.Resolver, name string) time.Time {
	for _, s := range r.Status() {
		if slices.Contains(s.Names, name) {
			return s.NextRead
		}
	}
	require.Fail(t, "no such name", name)
	return time.Time{}
}
