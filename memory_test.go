package secrets_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

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
	t.Run("is not passed by what is in use, and idle ones make room", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		for i := range 300 {
			docs[fmt.Sprint("s", i)] = "v"
		}
		r, p := spectest.Polled(t, docs, secrets.WithMaxEntries(200), secrets.WithTTL(time.Minute))
		for i := range 150 {
			assert.Equal(t, "v", spectest.Get(t, r, fmt.Sprint("s", i)))
		}
		documents, names, _ := r.Held()
		assert.LessOrEqual(t, documents+names, 200)
		assert.Equal(t, 100, documents)
		assert.Equal(t, 100, names)
		spectest.Get(t, r, "s0")
		assert.Equal(t, 1, p.Reads("s0"), "what was held first and lately is held still")
		spectest.Get(t, r, "s149")
		assert.Equal(t, 2, p.Reads("s149"), "what did not fit is read again")

		time.Sleep(time.Hour)
		for i := 200; i < 250; i++ {
			spectest.Get(t, r, fmt.Sprint("s", i))
			spectest.Get(t, r, fmt.Sprint("s", i))
			assert.Equal(t, 1, p.Reads(fmt.Sprint("s", i)), "idle ones have made room")
		}
		documents, names, _ = r.Held()
		assert.LessOrEqual(t, documents+names, 200)
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
	t.Run("is no reason to drop what somebody follows", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{"watched": "w"}
		for i := range 100 {
			docs[fmt.Sprint("s", i)] = "v"
		}
		r, p := spectest.Polled(t, docs, secrets.WithMaxEntries(20), secrets.WithTTL(time.Minute))
		l, err := secrets.Bind[string](t.Context(), r, "watched", nil)
		require.NoError(t, err)
		for range 10 {
			time.Sleep(10 * time.Minute)
			for i := range 100 {
				spectest.Get(t, r, fmt.Sprint("s", i))
			}
		}
		p.Set("watched", "x")
		time.Sleep(61 * time.Second)
		assert.Equal(t, "x", l.Get())
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

// filled returns n documents of this text.
func filled(n int, text string) map[string]string {
	all := make(map[string]string, n)
	for i := range n {
		all[fmt.Sprint("t", i)] = text
	}
	return all
}

func TestTheBoundHolds(t *testing.T) {
	t.Run("of documents that lack what is asked for", spectest.Bubble(func(t *testing.T) {
		for _, bound := range []int{20, 300} {
			r, p := spectest.Polled(t, filled(200, "{}"), secrets.WithMaxEntries(bound))
			for i := range 200 {
				for _, key := range []string{"a", "b"} {
					_, err := r.Get(t.Context(), fmt.Sprintf("t%d#%s", i, key))
					require.ErrorIs(t, err, secrets.ErrNotFound)
				}
				assert.Equal(t, 1, p.Reads(fmt.Sprint("t", i)), "there is room for one more: older ones go")
				time.Sleep(time.Hour)
				documents, names, _ := r.Held()
				assert.LessOrEqual(t, documents+names, bound)
			}
		}
	}))

	t.Run("of such documents, beside names that are in use", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, filled(40, "{}"), secrets.WithMaxEntries(20))
		for i := range 8 {
			p.Set(fmt.Sprint("used", i), "v")
			spectest.Get(t, r, fmt.Sprint("used", i))
		}
		for i := range 40 {
			_, err := r.Get(t.Context(), fmt.Sprintf("t%d#a", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
			documents, names, _ := r.Held()
			assert.LessOrEqual(t, documents+names, 20)
		}
	}))

	t.Run("of what nobody follows any more", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, filled(200, "v"), secrets.WithMaxEntries(20))
		for i := range 200 {
			l, err := secrets.Bind[string](t.Context(), r, fmt.Sprint("t", i), nil)
			require.NoError(t, err)
			l.Stop()
			time.Sleep(time.Hour)
			documents, names, _ := r.Held()
			assert.LessOrEqual(t, documents+names, 20)
		}
	}))

	t.Run("for new names, and takes none away that was read again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, filled(21, "v"), secrets.WithMaxEntries(20))
		spectest.Get(t, r, "t20")
		for i := range 20 {
			_, err := secrets.Bind[string](t.Context(), r, fmt.Sprint("t", i), nil)
			require.NoError(t, err)
		}
		spectest.Get(t, r, "t20")
		_, err := r.Refresh(t.Context(), "t20")
		require.NoError(t, err)
		p.Fail("t20", secrets.ErrUnavailable)
		assert.Equal(t, "v", spectest.Get(t, r, "t20"))
	}))

	t.Run("with a TTL of zero, which keeps nothing that nobody follows", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"a": "{}", "a/x": "1", "b": "{}", "b/y": "2"}, secrets.WithTTL(0))
		nothing := func() {
			t.Helper()
			documents, names, _ := r.Held()
			assert.Zero(t, documents+names)
		}
		require.NoError(t, r.Preload(t.Context(), "a/x", "b/y"))
		nothing()
		_, err := r.Get(t.Context(), "a#z")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		nothing()
		for range r.Watch(t.Context(), "a/x") {
			break
		}
		nothing()
	}))

	t.Run("with a TTL of zero, which keeps nothing that cannot be decoded", spectest.Bubble(func(t *testing.T) {
		r := spectest.Open(t, spectest.Scheme(t, spectest.NewPolled(map[string]string{"a/x": "!"}))+"://?decode=base64", secrets.WithTTL(0))
		_, err := r.Get(t.Context(), "a/x")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
	}))
}

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

func TestWhatIsKept(t *testing.T) {
	t.Run("of what is missing are those that were asked for last, whenever their reads ended", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithMaxEntries(10), secrets.WithNegativeTTL(time.Minute))
		release := p.Block("slow")
		ended := make(chan error)
		go func() {
			_, err := r.Get(t.Context(), "slow")
			ended <- err
		}()
		synctest.Wait()
		miss(t, r, "m", 63)
		release()
		require.ErrorIs(t, <-ended, secrets.ErrNotFound)
		miss(t, r, "one more", 1)
		p.ResetCalls()
		miss(t, r, "m", 63)
		assert.Zero(t, p.Calls().Reads, "they were asked for later than the one whose read ended last")
		_, err := r.Get(t.Context(), "slow")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, 1, p.Calls().Reads)
	}))

	t.Run("is an idle document for which a new name finds no room", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "a": "1", "b": "2"}, secrets.WithMaxEntries(6), secrets.WithTTL(time.Minute))
		spectest.Watch(t, r, "a")
		spectest.Watch(t, r, "b")
		spectest.Get(t, r, "db#user")
		time.Sleep(time.Hour)
		p.Fail("db", secrets.ErrUnavailable)
		assert.Equal(t, "p", spectest.Get(t, r, "db#password"))
		documents, names, _ := r.Held()
		assert.Equal(t, 6, documents+names)
		assert.Equal(t, "u", spectest.Get(t, r, "db#user"), "what was held before is held still, its backend being down")
	}))

	t.Run("is nothing of a name that is lost again before the Preload of it ends", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(nil), spectest.NewPolled(map[string]string{"b": "2"})
		r := spectest.On(t, secrets.Chain(one, two), secrets.WithTTL(time.Hour), secrets.WithNegativeTTL(time.Second))
		w := spectest.Watch(t, r, "a")
		time.Sleep(2 * time.Second)
		one.Set("a", "1")
		release := two.Block("b")
		loaded := make(chan error)
		go func() { loaded <- r.Preload(t.Context(), "a", "b") }()
		synctest.Wait()
		assert.Equal(t, []string{"<not found>", "1"}, w.All(), "the one is found, the other is waited for")
		one.Delete("a")
		_, err := r.Refresh(t.Context(), "a")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		release()
		require.NoError(t, <-loaded)
		assert.Equal(t, []string{"<not found>", "1", "<not found>"}, w.All())
		assert.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
	}))

	t.Run("fresh is nothing that is asked for less often than the idle time, however short that is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithIdle(time.Nanosecond))
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

func TestADocumentThatItsLastNameHasLeftIsDropped(t *testing.T) {
	one := map[string]string{"db": `{"password":"one"}`}
	for name, c := range map[string]struct {
		before, after map[string]string
	}{
		"a parent, for a document of exactly the name":                  {one, map[string]string{"db": `{"password":"one"}`, "db/password": "two"}},
		"a parent whose field is gone":                                  {one, map[string]string{"db": `{}`, "db/password": "two"}},
		"a parent that is gone":                                         {one, map[string]string{"db/password": "two"}},
		"a document of exactly the name that is gone, for its parent":   {map[string]string{"db/password": "one"}, map[string]string{"db": `{"password":"two"}`}},
		"a document of exactly the name that is gone, of several names": {map[string]string{"db/password": "one", "db": `{"user":"app","password":"two"}`}, map[string]string{"db": `{"user":"app","password":"two"}`}},
	} {
		t.Run(name, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, c.before)
			assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
			for path := range c.before {
				if _, ok := c.after[path]; !ok {
					p.Delete(path)
				}
			}
			for path, text := range c.after {
				p.Set(path, text)
			}
			_, err := r.Refresh(t.Context(), "db/password")
			require.NoError(t, err)
			synctest.Wait()
			assert.Equal(t, "two", spectest.Get(t, r, "db/password"))
			documents, names, _ := r.Held()
			assert.Equal(t, 1, documents)
			assert.Equal(t, 1, names)
		}))
	}
}
