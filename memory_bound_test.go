package secrets_test

import (
	"fmt"
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

func TestTheBoundOfWhatIsHeld(t *testing.T) {
	docs := func(n int) map[string]string {
		all := make(map[string]string)
		for i := range n {
			all[fmt.Sprintf("s%04d", i)] = "v"
		}
		return all
	}
	ask := func(t testing.TB, r *secrets.Resolver, from, to int) {
		for i := from; i < to; i++ {
			spectest.Get(t, r, fmt.Sprintf("s%04d", i))
		}
	}
	t.Run("is reached exactly, and not passed", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, docs(60), secrets.WithMaxEntries(100), secrets.WithTTL(time.Minute))
		ask(t, r, 0, 49)
		time.Sleep(time.Hour)
		ask(t, r, 49, 50) // all others are idle, and yet need not go
		documents, names, _ := r.Held()
		assert.Equal(t, 50, documents)
		assert.Equal(t, 50, names)
	}))
	t.Run("is not passed by what is in use", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, docs(60), secrets.WithMaxEntries(100))
		ask(t, r, 0, 60)
		documents, names, _ := r.Held()
		assert.Equal(t, 50, documents)
		assert.Equal(t, 50, names)
	}))
	t.Run("drops the longest unused, a sixteenth more than is needed", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs(200), secrets.WithMaxEntries(160), secrets.WithTTL(time.Minute))
		for i := range 80 {
			ask(t, r, i, i+1)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour) // all are idle
		ask(t, r, 100, 101)
		documents, names, _ := r.Held()
		assert.Equal(t, 75, documents, "150 of 160, the new one among them")
		assert.Equal(t, 75, names)
		assert.Equal(t, "v", spectest.Get(t, r, "s0079"))
		ask(t, r, 100, 101)
		assert.Equal(t, 1, p.Reads("s0100"))
		before := p.Reads("s0000")
		ask(t, r, 0, 1)
		assert.Equal(t, before+1, p.Reads("s0000"), "the one that nobody had asked for the longest is gone")
	}))
	t.Run("is looked at again a second after nothing could be dropped", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs(100), secrets.WithMaxEntries(20), secrets.WithTTL(time.Minute), secrets.WithIdle(1500*time.Millisecond))
		ask(t, r, 0, 10)
		time.Sleep(600 * time.Millisecond)
		ask(t, r, 10, 11) // none is idle: it is not held
		ask(t, r, 10, 11)
		assert.Equal(t, 2, p.Reads("s0010"))
		time.Sleep(950 * time.Millisecond) // they are idle, but were looked at less than a second ago
		ask(t, r, 10, 12)
		assert.Equal(t, 3, p.Reads("s0010"))
		time.Sleep(100 * time.Millisecond)
		ask(t, r, 10, 11)
		ask(t, r, 10, 11)
		assert.Equal(t, 4, p.Reads("s0010"), "now it is held")
	}))
	t.Run("is kept by dropping a single one, if that is all that is idle", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs(20), secrets.WithMaxEntries(20), secrets.WithTTL(time.Minute), secrets.WithIdle(10*time.Second))
		ask(t, r, 0, 10)
		time.Sleep(20 * time.Second)
		ask(t, r, 1, 10) // which finds them held, and counts as use
		time.Sleep(time.Second)
		ask(t, r, 10, 11)
		ask(t, r, 1, 11)
		for i := range 10 {
			assert.Equal(t, 1, p.Reads(fmt.Sprintf("s%04d", i+1)))
		}
		ask(t, r, 0, 1)
		assert.Equal(t, 2, p.Reads("s0000"))
	}))
	t.Run("is no reason to forget that a name is missing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs(20), secrets.WithMaxEntries(20), secrets.WithTTL(time.Minute), secrets.WithNegativeTTL(10*time.Hour))
		miss(t, r, "m", 1)
		ask(t, r, 0, 10)
		time.Sleep(time.Hour)
		ask(t, r, 10, 11)
		miss(t, r, "m", 1)
		assert.Equal(t, 1, p.Reads("m0"))
	}))
}
