package references

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

func TestReferencesAmongTheFieldsOfADocument(t *testing.T) {
	there := spectest.Scheme(t, spectest.NewPolled(map[string]string{"key": "followed"}))
	here := spectest.NewPolled(map[string]string{"db": `{"user":"u","password":"ref+` + there + `://key","within":"u:ref+` + there + `://key@h","moved":"` + there + `://key?endpoint=http://elsewhere"}`})
	next := spectest.NewPolled(map[string]string{"db/within": "next", "db/moved": "next", "db/none": "next"})
	r := spectest.Open(t, spectest.Scheme(t, here)+"://?references=any "+spectest.Scheme(t, next)+"://")

	t.Run("are followed, and leave the other fields alone, however a field is asked for", func(t *testing.T) {
		for name, want := range map[string]string{"db#password": "followed", "db/password": "followed", "db#user": "u", "db/user": "u"} {
			assert.Equal(t, want, spectest.Get(t, r, name), name)
		}
	})
	t.Run("are no reason to ask the next member of a chain if they are refused", func(t *testing.T) {
		for _, name := range []string{"db#within", "db/within", "db#moved", "db/moved"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrInvalid, name)
		}
		assert.Equal(t, "next", spectest.Get(t, r, "db/none"), "as a field that is missing is")
	})
	t.Run("do not stand for a field that is missing", func(t *testing.T) {
		_, err := r.Get(t.Context(), "db#none")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NotErrorIs(t, err, secrets.ErrInvalid)
	})
	t.Run("are none in text that is no object, where one within it is refused all the same", func(t *testing.T) {
		here.Set("dsn", "postgres://u:ref+"+there+"://key+@h")
		here.Set("plain", "text")
		for name, tells := range map[string]string{"dsn#user": "within other text", "plain#user": "object"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, tells)
		}
	})
}

func TestValueThatIsFoundElsewhere(t *testing.T) {
	elsewhere := spectest.NewFake(map[string]string{"doc": `{"user":"u","nested":{"key":"k"}}`, "text": "plain", "chain": ""})
	there := elsewhere.Scheme
	elsewhere.Store.Set("chain", there+"://text")
	here := map[string]string{
		"whole":   there + "://doc",
		"field":   there + "://doc#user",
		"text":    there + "://text",
		"chain":   there + "://chain",
		"moved":   there + "://text?endpoint=http://elsewhere",
		"keys":    `{"whole":"` + there + `://doc","user":"` + there + `://doc#user","plain":"p","moved":"` + there + `://text?endpoint=http://elsewhere"}`,
		"bad":     `{"bad":"x ref+` + there + `://doc","plain":"p"}`,
		"word":    "p",
		"colour":  there + "://text?colour=red",
		"asks":    there + "://chain?references=true",
		"nothing": there + "://none",
		"broken":  there + "://doc?colour",
	}
	follow := func(t *testing.T, name string) (string, error) {
		p := spectest.NewPolled(here)
		s, err := spectest.Open(t, spectest.Scheme(t, p)+"://?references=any", secrets.WithTTL(time.Minute)).Get(t.Context(), name)
		if err != nil {
			assert.True(t, s.IsZero())
			return "", err
		}
		return s.Reveal(), nil
	}
	for name, want := range map[string]string{
		"whole":      `{"user":"u","nested":{"key":"k"}}`,
		"whole#user": "u",
		"field":      "u",
		"text":       "plain",
		"keys#user":  "u",
		"keys/user":  "u",
		"keys#whole": `{"user":"u","nested":{"key":"k"}}`,
		"keys/whole": `{"user":"u","nested":{"key":"k"}}`,
		"keys#plain": "p",
		"keys/plain": "p",
		"chain":      there + "://text",
		"asks":       there + "://text",
		"bad/plain":  "p",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := follow(t, name)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	for name, class := range map[string]error{
		"field#user":   secrets.ErrInvalid,
		"moved":        secrets.ErrInvalid,
		"keys#moved":   secrets.ErrInvalid,
		"bad#bad":      secrets.ErrInvalid,
		"none":         secrets.ErrNotFound,
		"word/key":     secrets.ErrNotFound,
		"word#key":     secrets.ErrInvalid,
		"keys/none":    secrets.ErrNotFound,
		"keys#none":    secrets.ErrNotFound,
		"nothing":      secrets.ErrNotFound,
		"whole#nobody": secrets.ErrNotFound,
		"colour":       secrets.ErrInvalid,
		"broken":       secrets.ErrInvalid,
	} {
		t.Run(name+" is "+class.Error(), func(t *testing.T) {
			_, err := follow(t, name)
			require.ErrorIs(t, err, class)
			for _, other := range []error{secrets.ErrNotFound, secrets.ErrInvalid} {
				assert.Equal(t, class == other, errors.Is(err, other), other)
			}
		})
	}
}
