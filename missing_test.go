package secrets_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// miss asks for names that are not there, in turn.
func miss(t testing.TB, r *secrets.Resolver, prefix string, n int) {
	t.Helper()
	for i := range n {
		_, err := r.Get(t.Context(), fmt.Sprint(prefix, i))
		require.ErrorIs(t, err, secrets.ErrNotFound)
	}
}

func TestMissingDocumentsAreRemembered(t *testing.T) {
	t.Run("up to a tenth of the bound, or 64", spectest.Bubble(func(t *testing.T) {
		for bound, most := range map[int]int{10: 64, 100: 64, 640: 64, 700: 70, 2000: 200} {
			r, _ := spectest.Polled(t, nil, secrets.WithMaxEntries(bound))
			miss(t, r, "m", most)
			_, _, missing := r.Held()
			assert.Equal(t, most, missing, "bound %d", bound)
			miss(t, r, "n", most+10)
			_, _, missing = r.Held()
			assert.Equal(t, most, missing, "bound %d", bound)
		}
	}))
	t.Run("the last ones of them, for the time that a missing name is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithMaxEntries(10), secrets.WithNegativeTTL(time.Minute))
		miss(t, r, "m", 100)
		reads := p.Calls().Reads
		for i := 99; i >= 36; i-- {
			_, err := r.Get(t.Context(), fmt.Sprint("m", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		assert.Equal(t, reads, p.Calls().Reads)
		_, err := r.Get(t.Context(), "m0")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, reads+1, p.Calls().Reads, "the first was forgotten")
	}))
	t.Run("until their time is over, however few there are", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithNegativeTTL(time.Minute))
		spectest.Get(t, r, "db")
		miss(t, r, "m", 5)
		time.Sleep(50 * time.Second)
		_, _, missing := r.Held()
		assert.Equal(t, 5, missing)
		time.Sleep(20 * time.Second)
		_, _, missing = r.Held()
		assert.Zero(t, missing)
		assert.Equal(t, 1, p.Reads("m0"))
	}))
	t.Run("what was never read stays as long as it would be in use", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		p.Fail("denied", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "denied")
		require.ErrorIs(t, err, secrets.ErrPermission)
		for range 11 { // idle are three TTLs
			time.Sleep(15 * time.Second)
			_, _, missing := r.Held()
			assert.Equal(t, 1, missing)
		}
		time.Sleep(30 * time.Second)
		_, _, missing := r.Held()
		assert.Zero(t, missing)
	}))
	t.Run("while somebody waits for one, however many others are asked for", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithMaxEntries(10))
		release := p.Block("slow")
		got := make(chan error)
		go func() {
			_, err := r.Get(t.Context(), "slow")
			got <- err
		}()
		time.Sleep(time.Millisecond)
		miss(t, r, "m", 200)
		_, _, missing := r.Held()
		assert.Equal(t, 64, missing)
		p.Set("slow", "here")
		release()
		require.NoError(t, <-got)
		assert.Equal(t, "here", spectest.Get(t, r, "slow"))
		assert.Equal(t, 1, p.Reads("slow"))
	}))
}

func TestAPreloadOfManyMissingNames(t *testing.T) {
	t.Run("reads each place once, whatever the bound", spectest.Bubble(func(t *testing.T) {
		nothing, all := spectest.NewPolled(nil), spectest.NewPolled(filled(140, "v"))
		r := spectest.On(t, secrets.Chain(nothing, all), secrets.WithMaxEntries(400))
		var names []string
		for i := range 140 {
			names = append(names, fmt.Sprint("t", i))
		}
		require.NoError(t, r.Preload(t.Context(), names...))
		assert.Equal(t, 140, nothing.Calls().Reads)
		assert.Equal(t, 140, all.Calls().Reads)
		for i := range 70 {
			_, err := r.Get(t.Context(), fmt.Sprint("m", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		_, _, missing := r.Held()
		assert.LessOrEqual(t, missing, 64, "nobody relies on more any longer")
	}))
}

func TestWhatIsRememberedAsMissingIsForgottenInTime(t *testing.T) {
	t.Run("behind a read that never began, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"held": "1"}, secrets.WithTimeout(time.Hour))
		leave := spectest.FillSlots(t, r, p)
		<-spectest.Ask(time.Second, spectest.Getting(r, "late")).Done
		leave()
		spectest.KeepUsing(t, r, "held")
		for i := range 10 {
			_, err := r.Get(t.Context(), fmt.Sprint("m", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		time.Sleep(time.Hour)
		_, _, missing := r.Held()
		assert.Zero(t, missing)
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

func TestMissingDocumentsAreForgotten(t *testing.T) {
	t.Run("forgets what is missing within a second after that may be asked for again", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Hour), secrets.WithNegativeTTL(2*time.Second))
		spectest.Get(t, r, "db")
		time.Sleep(500 * time.Millisecond)
		for i := range 8 {
			_, err := r.Get(t.Context(), fmt.Sprint("missing", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
			time.Sleep(100 * time.Millisecond)
			var missing []string
			for _, s := range r.Status() {
				if s.State == secrets.StateMissing {
					missing = append(missing, s.Document)
				}
			}
			var want []string // what was asked for in the last three seconds
			for j := max(0, i-2); j <= i; j++ {
				want = append(want, fmt.Sprint("missing", j))
			}
			assert.Equal(t, want, missing)
			time.Sleep(900 * time.Millisecond)
		}
	}))
}
