package secrets_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestSearch(t *testing.T) {
	object := `{"password":"in parent","/x":"slash"}`

	t.Run("finds the document of exactly the name before a field of its parent", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": object, "db/password": "exact"})
		assert.Equal(t, "exact", spectest.Get(t, r, "db/password"))
		assert.Zero(t, p.Reads("db"), "a single cold name is tried in turn")
	}))

	t.Run("goes on to the parent on NotFound, Permission and a name that cannot be spelled", spectest.Bubble(func(t *testing.T) {
		for _, err := range []error{nil, secrets.ErrPermission, secretstest.Unspellable()} {
			r, p := spectest.Polled(t, map[string]string{"db": object})
			p.Fail("db/password", err)
			assert.Equal(t, "in parent", spectest.Get(t, r, "db/password"))
		}
	}))

	t.Run("does not go on to the parent on any other failure", spectest.Bubble(func(t *testing.T) {
		for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrUnauthenticated, secrets.ErrInvalid} {
			r, p := spectest.Polled(t, map[string]string{"db": object})
			p.Fail("db/password", class)
			_, err := r.Get(t.Context(), "db/password")
			require.ErrorIs(t, err, class)
			assert.Zero(t, p.Reads("db"))
		}
	}))

	t.Run("tells of both places, in the class of the first unless that was not found", spectest.Bubble(func(t *testing.T) {
		for _, c := range []struct{ exact, parent, want error }{
			{nil, nil, secrets.ErrNotFound},
			{secrets.ErrPermission, nil, secrets.ErrPermission},
			{nil, secrets.ErrPermission, secrets.ErrPermission},
			{nil, secrets.ErrUnavailable, secrets.ErrUnavailable},
			{secrets.ErrPermission, secrets.ErrUnavailable, secrets.ErrPermission},
		} {
			r, p := spectest.Polled(t, nil)
			p.Fail("db/password", c.exact)
			p.Fail("db", c.parent)
			_, err := r.Get(t.Context(), "db/password")
			require.ErrorIs(t, err, c.want)
			assert.ErrorContains(t, err, "db/password: ")
			assert.ErrorContains(t, err, "db#password: ")
			for _, other := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnavailable} {
				assert.Equal(t, other == c.want, errors.Is(err, other), "one class only: %v", err)
			}
		}
	}))

	t.Run("takes the last segment for a key, never for a pointer", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": `{"a":{"b":"x"}}`})
		_, err := r.Get(t.Context(), "db/a/b")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, "x", spectest.Get(t, r, "db#/a/b"))
	}))

	t.Run("is skipped by a name that says its field", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": object})
		assert.Equal(t, "in parent", spectest.Get(t, r, "db#password"))
		_, err := r.Get(t.Context(), "app/db#password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, 2, p.Calls().Reads)
	}))

	t.Run("can be limited to one of its tries", spectest.Bubble(func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"db": object, "app/key": "exact"})
		exact, err := secrets.Open(t.Context(), spectest.Scheme(t, p)+"://?search=exact")
		require.NoError(t, err)
		defer exact.Close()
		_, err = exact.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Zero(t, p.Reads("db"))

		parent, err := secrets.Open(t.Context(), spectest.Scheme(t, p)+"://?search=parent")
		require.NoError(t, err)
		defer parent.Close()
		assert.Equal(t, "in parent", spectest.Get(t, parent, "db/password"))
		assert.Equal(t, 1, p.Reads("db/password"), "by the other resolver")
	}))
}

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
