package secrets_test

import (
	"context"
	"fmt"
	"slices"
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

// documentsIn returns the documents that Status tells of, those that are
// missing or the others.
func documentsIn(r *secrets.Resolver, missing bool) (documents []string) {
	for _, s := range r.Status() {
		if (s.State == secrets.StateMissing) == missing {
			documents = append(documents, s.Document)
		}
	}
	return documents
}

// shuffled returns the names in an order that looks like chance.
func shuffled(names []string) []string {
	names = slices.Clone(names)
	spectest.Drawn(0).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

func TestEachValueIsServedUntilItExpires(t *testing.T) {
	names := spectest.Numbered("s", 120)
	t.Run("in whatever order they do", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithIdle(24*time.Hour))
		var mu sync.Mutex
		expires := make(map[string]time.Time)
		for i, name := range names {
			source := spectest.Drawn(i)
			p.SetFunc(name, func(context.Context) (secrets.Value, error) {
				mu.Lock()
				defer mu.Unlock()
				expires[name] = time.Now().Add(15*time.Minute + time.Duration(source.Int64N(int64(30*time.Minute))))
				return secrets.Value{Data: []byte("v"), Version: "1", Expires: expires[name]}, nil
			})
			spectest.Get(t, r, name)
		}
		chance := spectest.Drawn(-1)
		for range 100 { // some get another time
			time.Sleep(time.Second)
			_, err := r.Refresh(t.Context(), names[chance.IntN(len(names))])
			require.NoError(t, err)
		}
		p.Fail(secretstest.All, &spectest.RetryAfterError{Err: secrets.ErrPermission, After: time.Hour})
		synctest.Wait()
		order := slices.SortedFunc(slices.Values(names), func(a, b string) int { return expires[a].Compare(expires[b]) })
		for _, name := range order {
			// Reads that end together are told apart by a nanosecond each.
			spectest.SleepUntil(expires[name].Add(-time.Microsecond))
			assert.Equal(t, "v", spectest.Get(t, r, name))
			spectest.SleepUntil(expires[name].Add(time.Microsecond))
			_, err := r.Get(t.Context(), name)
			assert.ErrorIs(t, err, secrets.ErrPermission, "%s is served after its time", name)
		}
	}))
}

func TestTheLongestUnusedGoFirst(t *testing.T) {
	t.Run("whatever the order in which they were used", spectest.Bubble(func(t *testing.T) {
		names := spectest.Numbered("s", 320)
		r, p := spectest.Polled(t, nil, spectest.Rarely(), secrets.WithIdle(10*time.Minute), secrets.WithMaxEntries(2*len(names)))
		for _, name := range append(spectest.Numbered("new", 80), names...) {
			p.Set(name, "v")
		}
		order := shuffled(names)
		for _, name := range order {
			spectest.Get(t, r, name)
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Minute) // all are idle
		held := order
		for i, name := range spectest.Numbered("new", 80) {
			spectest.Get(t, r, name)
			if held = append(held, name); len(held) > len(names) {
				held = held[len(held)-300:] // a sixteenth less than the bound
			}
			require.Equal(t, sorted(held), sorted(documentsIn(r, false)), "after %d new ones", i+1)
		}
	}))
}

func TestTheLongestMissingAreForgottenFirst(t *testing.T) {
	t.Run("however many of them are there by now", spectest.Bubble(func(t *testing.T) {
		names := spectest.Numbered("m", 300)
		r, p := spectest.Polled(t, nil, spectest.Rarely(), secrets.WithMaxEntries(1000), secrets.WithNegativeTTL(10*time.Hour))
		chance := spectest.Drawn(0)
		var missing []string
		for i, name := range shuffled(names) {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrNotFound)
			if missing = append(missing, name); len(missing) > 100 { // a tenth of the bound
				missing = missing[1:]
			}
			if i%3 == 0 {
				at := chance.IntN(len(missing))
				p.Set(missing[at], "v")
				_, err := r.Refresh(t.Context(), missing[at])
				require.NoError(t, err)
				missing = slices.Delete(missing, at, at+1)
			}
			require.Equal(t, sorted(missing), sorted(documentsIn(r, true)), fmt.Sprint("after ", i+1))
		}
	}))
}
