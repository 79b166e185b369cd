package secrets_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
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

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

func TestTheLongestUnusedGoFirst(t *testing.T) {
	t.Run("whatever the order in which they were used", spectest.Bubble(func(t *testing.T) {
		names := spectest.Numbered("s", 320)
		r, p := spectest.Polled(t, nil, spectest.Rarely(), secrets.WithIdle(10*time.Minute), secrets.WithMaxEntries(2*len(names)))
		for _, name := range append(spectest.Numbered("new", 80), names...) {
			p.Set(name, "v")
		}
		order := spectest.Shuffled(names)
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
		for i, name := range spectest.Shuffled(names) {
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
