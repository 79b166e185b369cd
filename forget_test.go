package secrets_test

import (
	"context"
	"fmt"
	"slices"
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

// miss asks for names that are not there, in turn.
func miss(t testing.TB, r *secrets.Resolver, prefix string, n int) {
	t.Helper()
	for i := range n {
		_, err := r.Get(t.Context(), fmt.Sprint(prefix, i))
		require.ErrorIs(t, err, secrets.ErrNotFound)
	}
}

func TestMissingDocumentsAreRemembered(t *testing.T) {
	t.Run("up to a tenth of the bound, or 64, and displace nothing", spectest.Bubble(func(t *testing.T) {
		for bound, most := range map[int]int{10: 64, 100: 64, 640: 64, 700: 70, 2000: 200} {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxEntries(bound))
			spectest.Get(t, r, "db")
			miss(t, r, "m", most)
			_, _, missing := r.Held()
			assert.Equal(t, most, missing, "bound %d", bound)
			miss(t, r, "n", 5*most)
			_, _, missing = r.Held()
			assert.Equal(t, most, missing, "bound %d", bound)
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Equal(t, 1, p.Reads("db"))
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

func TestNoTTL(t *testing.T) {
	t.Run("keeps nothing: every Get reads", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 4, p.Reads("db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
		p.Fail("db", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
	}))

	t.Run("shares the read that is under way", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(0))
		p.Delay("db", time.Second)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = r.Get(t.Context(), "db") })
		}
		wg.Wait()
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

func TestReadThatIsGivenUp(t *testing.T) {
	const timeout = 3 * time.Second
	t.Run("ends a Get although the provider is deaf to its context, which then settles nothing", spectest.Bubble(func(t *testing.T) {
		release := make(chan struct{})
		r := secrets.New(spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
			<-release
			return secrets.Value{Data: []byte("late")}, nil
		}), secrets.WithLogger(nil), secrets.WithTimeout(timeout))
		defer r.Close()
		start := time.Now()
		_, err := r.Get(t.Context(), "db")
		assert.Less(t, time.Since(start), timeout+time.Second/3)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		require.NotErrorIs(t, err, secrets.ErrThrottled)
		assert.ErrorContains(t, err, "no answer in time")
		close(release)
		synctest.Wait()
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names, "what came too late is not held")
	}))
}

func TestPreloadThatItsCallerLeaves(t *testing.T) {
	t.Run("that its caller leaves reads on what it is reading, and nothing more", spectest.Bubble(func(t *testing.T) {
		names, docs := spectest.Many(100)
		p := spectest.NewPolled(docs)
		release := p.Block(secretstest.All)
		defer release()
		r := spectest.On(t, spectest.Singly(p))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Preload(ctx, names...), context.DeadlineExceeded)
		synctest.Wait()
		release()
		synctest.Wait()
		assert.Equal(t, 32, p.Calls().Reads)
		documents, _, _ := r.Held()
		assert.Equal(t, 32, documents, "what was being read is held")
		require.NoError(t, r.Preload(t.Context(), names...), "what was given up is not remembered as a failure")
		assert.Equal(t, 100, p.Calls().Reads)
	}))
}

func TestWhatIsHeldOfAValueThatRefersElsewhere(t *testing.T) {
	t.Run("and not held where nothing is kept", spectest.Bubble(func(t *testing.T) {
		r, _, _, _ := spectest.Led(t, secrets.WithTTL(0))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
	}))

	t.Run("and goes with its name when there is no room", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t, secrets.WithMaxEntries(20))
		spectest.Get(t, r, "db")
		spectest.AskOthers(t, r, values, time.Hour)
		for _, s := range r.Status() {
			assert.False(t, strings.HasSuffix(s.Document, "://db"), s.Document)
		}
		values.Set("db", to("y"))
		assert.Equal(t, "two", spectest.Get(t, r, "db"), "it is searched for anew")
		documents, names, _ := r.Held()
		assert.LessOrEqual(t, documents+names, 20)
	}))
}

func TestWatchWhoseReaderStops(t *testing.T) {
	t.Run("ends when its reader stops, and lets go of the name", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		for s, err := range r.Watch(t.Context(), "db") {
			require.NoError(t, err)
			assert.Equal(t, "one", s.Reveal())
			break
		}
		p.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, p.Reads("db"), 6)
		for range r.Watch(t.Context(), "missing") {
			break
		}
		_, names, _ := r.Held()
		assert.Equal(t, 1, names, "a missing name is not kept either")
	}))
}

func TestWatchersOfAMissingName(t *testing.T) {
	t.Run("keep a missing name until the last of them has ended", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		first, last := spectest.Watch(t, r, "db"), spectest.Watch(t, r, "db")
		first.Cancel()
		<-first.Ended
		_, names, _ := r.Held()
		assert.Equal(t, 1, names)
		require.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		last.Cancel()
		<-last.Ended
		_, names, _ = r.Held()
		assert.Zero(t, names)
		require.NoError(t, r.Healthy())
	}))
}

func TestWhatAWatchLeavesBehind(t *testing.T) {
	t.Run("leaves nothing behind of a name that is missing, and what is held as it is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithNegativeTTL(time.Second))
		for _, name := range []string{"db", "missing"} {
			w := spectest.Watch(t, r, name)
			w.Cancel()
			<-w.Ended
		}
		time.Sleep(5 * time.Second)
		documents, names, missing := r.Held()
		assert.Equal(t, []int{1, 1, 0}, []int{documents, names, missing})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
