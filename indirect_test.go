package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestReferencesInValues(t *testing.T) {
	elsewhere := secretstest.NewProvider(map[string]string{"prod/db": `{"user":"u","password":"p"}`, "key": "k"})
	there := spectest.Scheme(t, elsewhere)
	here := secretstest.NewProvider(map[string]string{
		"db/password": there + "://prod/db#password",
		"db":          there + "://prod/db",
		"key":         there + "://key",
		"plain":       "text",
		"gone":        there + "://nowhere",
		"within":      "postgres://u:ref+" + there + "://key+@h",
		"all":         `{"key":"` + there + `://key"}`,
	})
	r, err := secrets.Open(t.Context(), spectest.Scheme(t, here)+"://?references=any "+spectest.Scheme(t, secretstest.NewProvider(map[string]string{"gone": "x"}))+"://")
	require.NoError(t, err)
	defer r.Close()

	for name, want := range map[string]string{"db/password": "p", "db#user": "u", "key": "k", "plain": "text", "all/key": "k"} {
		assert.Equal(t, want, spectest.Get(t, r, name), name)
	}
	_, err = r.Get(t.Context(), "gone")
	require.ErrorIs(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "nowhere", "a reference does not fall through")
	_, err = r.Get(t.Context(), "within")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	_, err = r.Get(t.Context(), "db/password#x")
	require.ErrorIs(t, err, secrets.ErrInvalid)

	literal, err := secrets.Open(t.Context(), spectest.Scheme(t, here)+"://")
	require.NoError(t, err)
	defer literal.Close()
	assert.Equal(t, there+"://key", spectest.Get(t, literal, "key"), "without the option a value is a value")
}

func TestValuesThatBecomeReferences(t *testing.T) {
	// following returns a resolver that follows references in here, and the
	// scheme that they name.
	following := func(t *testing.T, here map[string]string) (r *secrets.Resolver, p *secretstest.Provider, there string) {
		there = spectest.Scheme(t, spectest.NewPolled(map[string]string{"prod/db": "followed"}))
		p = spectest.NewPolled(here)
		r, err := secrets.Open(t.Context(), spectest.Scheme(t, p)+"://?references=any", secrets.WithTTL(time.Minute), secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() })
		return r, p, there
	}

	t.Run("are followed from the next refresh on", spectest.Bubble(func(t *testing.T) {
		r, p, there := following(t, map[string]string{"db": "one"})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		spectest.KeepUsing(t, r, "db")
		p.Set("db", there+"://prod/db")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "followed", spectest.Get(t, r, "db"))
	}))

	t.Run("and lead nowhere leave what is held", spectest.Bubble(func(t *testing.T) {
		r, p, there := following(t, map[string]string{"db": "one"})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		spectest.KeepUsing(t, r, "db")
		p.Set("db", there+"://prod/db?endpoint=http://127.0.0.1:1")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))

	t.Run("within other text leave what is held", spectest.Bubble(func(t *testing.T) {
		r, p, there := following(t, map[string]string{"db": "one"})
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		spectest.KeepUsing(t, r, "db")
		p.Set("db", "user:ref+"+there+"://prod/db@host")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
	}))

	t.Run("in a document that a field gets for itself are followed, too", spectest.Bubble(func(t *testing.T) {
		r, p, there := following(t, map[string]string{"db": `{"password":"one"}`})
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db/password")
		p.Set("db/password", there+"://prod/db")
		time.Sleep(12 * time.Minute)
		assert.Equal(t, "followed", spectest.Get(t, r, "db/password"))
	}))

	t.Run("and plain text in such a document is taken as it is", spectest.Bubble(func(t *testing.T) {
		r, p, _ := following(t, map[string]string{"db": `{"password":"one"}`})
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db/password")
		p.Set("db/password", "two")
		time.Sleep(12 * time.Minute)
		assert.Equal(t, "two", spectest.Get(t, r, "db/password"))
	}))
}

func TestRedirectingValues(t *testing.T) {
	other := spectest.Scheme(t, secretstest.NewProvider(nil))
	ref, found, err := secrets.ParseValue(other + "://x?endpoint=http://127.0.0.1:1")
	require.NoError(t, err)
	require.True(t, found)
	r := secrets.New(secretstest.NewProvider(nil))
	defer r.Close()
	err = r.CheckValue(ref)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "endpoint")
}
