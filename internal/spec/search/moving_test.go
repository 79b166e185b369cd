package search

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestFoundIsFound(t *testing.T) {
	const ttl = time.Minute

	t.Run("a name that moves from its parent to a document of its own is found there within ten TTLs", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, secrets.WithTTL(ttl))
		assert.Equal(t, "old", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db/password")
		p.Set("db/password", "own")
		time.Sleep(5 * ttl)
		assert.Equal(t, "old", spectest.Get(t, r, "db/password"), "a name stays where it was found")
		time.Sleep(6 * ttl)
		assert.Equal(t, "own", spectest.Get(t, r, "db/password"))
		s, err := r.Get(t.Context(), "db/password")
		require.NoError(t, err)
		old, ok := s.Previous()
		require.True(t, ok)
		assert.Equal(t, "old", old.Reveal())
	}))

	t.Run("a name whose document goes is found in its parent at once, and back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "exact"}, secrets.WithTTL(ttl))
		assert.Equal(t, "exact", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db/password")
		p.Set("db", `{"password":"in parent"}`)
		p.Delete("db/password")
		time.Sleep(ttl + 2*time.Second)
		assert.Equal(t, "in parent", spectest.Get(t, r, "db/password"))
		p.Set("db/password", "exact again")
		p.Set("db", `{"user":"u"}`)
		time.Sleep(ttl + 2*time.Second)
		assert.Equal(t, "exact again", spectest.Get(t, r, "db/password"), "its field is gone from a valid object: the search runs again")
	}))

	t.Run("a name that is gone everywhere is deleted", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`}, secrets.WithTTL(ttl))
		spectest.Get(t, r, "db/password")
		spectest.KeepUsing(t, r, "db/password")
		p.Delete("db")
		time.Sleep(ttl + 2*time.Second)
		_, err := r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Set("db/password", "two")
		time.Sleep(3 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db/password"))
	}))

	t.Run("a name that is gone, while the search for it fails, is kept", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "one"}, secrets.WithTTL(ttl))
		spectest.Get(t, r, "db/password")
		spectest.KeepUsing(t, r, "db/password")
		p.Fail("db", secrets.ErrUnavailable)
		p.Delete("db/password")
		time.Sleep(5 * ttl)
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		p.Heal()
		time.Sleep(ttl)
		_, err := r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
	}))

	t.Run("permission lost on a held name is a failed refresh, not a search", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "one"}, secrets.WithTTL(ttl), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db/password")
		spectest.KeepUsing(t, r, "db/password")
		p.Set("db", `{"password":"other"}`)
		p.Fail("db/password", secrets.ErrPermission)
		time.Sleep(30 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		assert.Zero(t, p.Reads("db"))
	}))

	t.Run("the fields of a document never mix two versions", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u1","password":"p1"}`}, secrets.WithTTL(ttl))
		spectest.Get(t, r, "db#user")
		spectest.Get(t, r, "db/password")
		spectest.KeepUsing(t, r, "db#user", "db/password")
		p.Set("db", `{"user":"u2","password":"p2"}`)
		for range 150 {
			u, p := spectest.Get(t, r, "db#user"), spectest.Get(t, r, "db/password")
			assert.Equal(t, u[1:], p[1:])
			time.Sleep(500 * time.Millisecond)
		}
		assert.Equal(t, "u2", spectest.Get(t, r, "db#user"))
	}))
}

func TestANameThatGetsADocumentOfItsOwn(t *testing.T) {
	for what, opts := range map[string][]secrets.Option{"that is refreshed": nil, "that is read on demand": {secrets.WithOnDemand()}, "that is idle each time": {secrets.WithIdle(time.Second)}} {
		t.Run(what+" moves there", spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, append(opts, secrets.WithTTL(time.Minute))...)
			require.Equal(t, "old", spectest.Get(t, r, "db/password"))
			p.Set("db/password", "new")
			for range 12 {
				time.Sleep(time.Minute)
				spectest.Get(t, r, "db/password")
				require.NoError(t, r.Preload(t.Context(), "db/password"))
			}
			assert.Equal(t, "new", spectest.Get(t, r, "db/password"))
		}))
	}

	t.Run("that is preloaded on demand moves there", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		require.Equal(t, "old", spectest.Get(t, r, "db/password"))
		p.Set("db/password", "new")
		for range 12 {
			time.Sleep(time.Minute)
			require.NoError(t, r.Preload(t.Context(), "db/password"))
		}
		assert.Equal(t, "new", spectest.Get(t, r, "db/password"))
	}))

	t.Run("that refers elsewhere moves to where that says", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t)
		values.Set("db", `{"password":"old"}`)
		w := spectest.Watch(t, r, "db/password")
		time.Sleep(time.Second)
		values.Set("db/password", to("y"))
		time.Sleep(12 * time.Minute)
		assert.Equal(t, []string{"old", "two"}, w.All())
	}))

	t.Run("is looked for once in ten reads on demand, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		spectest.Get(t, r, "db/password")
		require.Equal(t, 1, p.Reads("db/password"))
		for n := 1; n <= 20; n++ {
			time.Sleep(time.Minute)
			spectest.Get(t, r, "db/password")
			synctest.Wait()
			assert.Equal(t, 1+n/10, p.Reads("db/password"), "after %d reads of its parent", n)
		}
	}))

	t.Run("is not looked for where that is switched off", spectest.Bubble(func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": `{"password":"old"}`})
		r := spectest.Open(t, spectest.Scheme(t, p)+"://?search=parent", secrets.WithTTL(time.Minute))
		require.Equal(t, "old", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db/password")
		time.Sleep(time.Hour)
		assert.Zero(t, p.Reads("db/password"))
	}))

	t.Run("that is empty stays where it was, as long as that may be served", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db/password")
		p.Set("db/password", "")
		_, err := r.Refresh(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "has become empty")
		stop := spectest.KeepUsing(t, r, "db/password")
		time.Sleep(30 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		stop()
		time.Sleep(2 * time.Hour)
		assert.Empty(t, spectest.Get(t, r, "db/password"))
	}))
}

func TestNameThatMovesWithItsBytes(t *testing.T) {
	t.Run("has the version of the document where it is now, and nothing was before", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "one"})
		for range 3 {
			p.Set("db", `{"password":"one"}`)
		}
		s, err := r.Get(t.Context(), "db/password")
		require.NoError(t, err)
		assert.Equal(t, "v1", s.Version())
		p.Delete("db/password")
		_, err = r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		s, err = r.Get(t.Context(), "db/password")
		require.NoError(t, err)
		assert.Equal(t, "one", s.Reveal())
		assert.Equal(t, "v3", s.Version())
		_, before := s.Previous()
		assert.False(t, before)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

func TestANameThatIsLostWhileItsExactDocumentIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": `{"a":"1","b":"2","c":"3"}`})
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Minute)) // no batches: each document is settled when it was read
		spectest.Get(t, r, "db/a")
		spectest.Get(t, r, "db/b")
		watched := spectest.Watch(t, r, "db/c")
		spectest.KeepUsing(t, r, "db/a", "db/b")
		for p.Reads("db") < 10 {
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, p.Reads("db/b"))
		p.Delete("db")
		p.Delay("db/b", 1500*time.Millisecond) // when this is known, the others are lost already
		for p.Reads("db/b") < 2 {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		for _, name := range []string{"db/a", "db/b"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		assert.Equal(t, []string{"3", "<" + secrets.ErrNotFound.Error() + ">"}, watched.All())
		p.Set("db", `{"a":"4","b":"5","c":"6"}`)
		time.Sleep(time.Minute)
		assert.Equal(t, "4", spectest.Get(t, r, "db/a"))
		assert.Equal(t, "5", spectest.Get(t, r, "db/b"))
		assert.Equal(t, "6", spectest.Get(t, r, "db/c"))
	})
}
