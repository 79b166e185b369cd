package search

import (
	"context"
	"errors"
	"strings"
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

func TestWhatASearchSays(t *testing.T) {
	chained(t, "names each place in which it looked, of every member, once", func(t *testing.T, chain chainOf) {
		_, err := chain(spectest.NewPolled(nil), spectest.NewPolled(nil)).Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.Equal(t, 2, strings.Count(err.Error(), "db/password: "), "%v", err)
		assert.Equal(t, 2, strings.Count(err.Error(), "db#password: "), "%v", err)
	})

	t.Run("of a parent that is no object is that it does not have the name", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "text"})
		_, err := r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NotErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "db#password: not found: the value is no JSON object")
	}))

	t.Run("of a resolver with no provider is what it lacks", spectest.Bubble(func(t *testing.T) {
		_, err := spectest.On(t, secrets.Chain()).Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "no provider is configured")
	}))
}

func TestANameThatIsDenied(t *testing.T) {
	t.Run("is not looked for elsewhere by a Refresh while it is held", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "one", "db": `{"password":"other"}`})
		spectest.Get(t, r, "db/password")
		p.Fail("db/password", secrets.ErrPermission)
		_, err := r.Refresh(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrPermission)
		assert.Zero(t, p.Reads("db"))
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
	}))

	t.Run("is looked for in its parent once it was deleted, though somebody still follows it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db/password": "one"}, secrets.WithTTL(time.Minute))
		w := spectest.Watch(t, r, "db/password")
		p.Delete("db/password")
		time.Sleep(time.Minute + 2*time.Second)
		require.Equal(t, []string{"one", "<not found>"}, w.All())
		p.Fail("db/password", secrets.ErrPermission)
		p.Set("db", `{"password":"in parent"}`)
		time.Sleep(3 * time.Second)
		assert.Equal(t, "in parent", spectest.Get(t, r, "db/password"))
	}))

	for what, opts := range map[string][]secrets.Option{"": nil, ", on demand": {secrets.WithOnDemand()}} {
		t.Run("and lives in its parent is read there for ever"+what, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`}, append(opts, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))...)
			p.Fail("db/password", secrets.ErrPermission)
			require.Equal(t, "one", spectest.Get(t, r, "db/password"))
			p.Set("db", `{"password":"two"}`)
			s, err := r.Refresh(t.Context(), "db/password")
			require.NoError(t, err)
			assert.Equal(t, "two", s.Reveal())
			p.Set("db", `{"password":"three"}`)
			time.Sleep(3 * time.Hour)
			assert.Equal(t, "three", spectest.Get(t, r, "db/password"))
		}))
	}

	t.Run("as unspellable with any other class is not looked for in its parent", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"in parent"}`})
		p.Fail("db/password", errors.Join(secrets.ErrUnauthenticated, unspellable{}))
		_, err := r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.Zero(t, p.Reads("db"))
	}))
}

func TestWhatASearchRemembers(t *testing.T) {
	t.Run("is told with how long ago the backend said it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		time.Sleep(time.Hour)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NotContains(t, err.Error(), "ago")
		time.Sleep(1500 * time.Millisecond)
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "(as of 1.5s ago)")
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("is not told to who can have the answer of a read that is under way", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		_, err := r.Get(t.Context(), "db#user")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Set("db", `{"user":"u","password":"p"}`)
		p.Delay("db", time.Second)
		refresh := spectest.Ask(time.Minute, spectest.Refreshing(r, "db#user"))
		assert.Equal(t, "p", spectest.Get(t, r, "db#password"))
		<-refresh.Done
		assert.Equal(t, "u", refresh.Text)
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("is no lease to a Refresh, which reads what is lent anew", spectest.Bubble(func(t *testing.T) {
		for _, opts := range [][]secrets.Option{nil, {secrets.WithTTL(0)}} {
			r, p := spectest.Lent(t, opts...)
			first := spectest.Get(t, r, "creds")
			assert.Equal(t, first, spectest.Get(t, r, "creds"))
			require.Equal(t, 1, p.Reads("creds"))
			s, err := r.Refresh(t.Context(), "creds")
			require.NoError(t, err)
			assert.NotEqual(t, first, s.Reveal())
			assert.Equal(t, 2, p.Reads("creds"))
		}
	}))

	t.Run("is a lease to a name that is new on it, whatever the TTL", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Lent(t, secrets.WithTTL(0))
		spectest.Get(t, r, "creds")
		assert.Equal(t, "u1", spectest.Get(t, r, "creds#user"))
		assert.Equal(t, 1, p.Reads("creds"))
	}))
}

// unspellable says that the backend cannot have a name, and no class.
type unspellable struct{}

func (unspellable) Error() string { return "this name cannot be spelled" }

func (unspellable) Unspellable() bool { return true }

// An asked provider holds one text, and notes what it was asked for.
type asked struct{ refs []secrets.Ref }

func (a *asked) Fetch(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
	a.refs = append(a.refs, ref)
	return secrets.Value{Data: []byte("v")}, nil
}

// A backend may spell a name as it likes, and takes a reference as it stands.
func TestAProviderIsToldWhatIsAName(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		p := &asked{}
		r := spectest.On(t, p)
		require.Equal(t, "v", spectest.Get(t, r, "db/password"))
		require.Len(t, p.refs, 1)
		assert.True(t, p.refs[0].IsName())
		assert.Equal(t, "db/password", p.refs[0].Path)

		there := &asked{}
		r = spectest.Open(t, spectest.Scheme(t, p)+"://", secrets.WithReferences(map[string]string{"key": spectest.Scheme(t, there) + "://prod/key"}))
		spectest.Get(t, r, "key")
		require.Len(t, there.refs, 1)
		assert.False(t, there.refs[0].IsName())
	})(t)
}
