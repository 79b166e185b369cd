package references

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// withOperatorOptions registers a backend with options of the operator, and returns its
// scheme and what was opened, with which options.
func withOperatorOptions(docs map[string]string) (name string, opened func() []map[string]string) {
	name = spectest.NewScheme("guarded")
	var all []map[string]string
	secrets.Register(name, secrets.Backend{
		Options:         []string{"region", "role", "token_file", "endpoint", "tree"},
		DocumentOptions: []string{"version", "mount"},
		OperatorOptions: []string{"role", "token_file", "mount"},
		Open: func(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
			all = append(all, base.Options)
			return spectest.NewPolled(docs), nil
		},
	})
	return name, func() []map[string]string { return all }
}

func TestAValueOutOfADocument(t *testing.T) {
	docs := map[string]string{
		"prod/db": "db", "prod/a/b": "ab", "production/db": "other", "other": "other", "prod": "base", "single": "single",
		"prod/doc": `{"user":"u"}`, "below/x": "x", "lab/db": "lab",
	}
	to, opened := withOperatorOptions(docs)
	configured := to + "://prod?region=north&role=app " + to + "://lab?endpoint=http://lab&role=lab"
	follow := func(t *testing.T, option, value string) (string, error) {
		here := spectest.Scheme(t, spectest.NewPolled(map[string]string{"v": value}))
		r := spectest.Open(t, configured+" "+here+"://?references="+option, secrets.WithReferences(map[string]string{
			"single": to + "://single?region=south", "below/": to + "://below?region=south", "v": here + "://v?references=" + option,
		}))
		s, err := r.Get(t.Context(), "v")
		return s.Reveal(), err
	}
	for value, want := range map[string]string{
		to + "://prod/db?region=north&role=app":             "db",
		to + "://prod/db":                                   "db", // the options are those of the configuration
		to + "://prod/db?region=north":                      "db",
		to + "://prod/a/b?role=app&version=3":               "ab",
		to + "://prod/doc#user":                             "u",
		to + "://prod":                                      "base",
		to + "://lab/db?endpoint=http://lab":                "lab",
		to + "://single":                                    "single",
		to + "://below/x?region=south":                      "x",
		"ref+" + to + "://prod/db?trim=newline":             "db",
		`"` + to + `://prod/db"`:                            "db",
		" " + to + "://prod/db\n":                           "db",
		to + "://prod/db?region=north&role=app&search=both": "db",
	} {
		t.Run("reads what is below a base of a provider: "+value[len(to):], func(t *testing.T) {
			got, err := follow(t, "true", value)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	for what, value := range map[string]string{
		"another path":                                 to + "://other",
		"a path that only begins alike":                to + "://production/db",
		"a path that leads out":                        to + "://prod/../other",
		"a path that leads out, escaped":               to + "://prod/%2e%2e/other",
		"a path that leads in from elsewhere":          to + "://other/../prod/db",
		"a path with nothing between slashes":          to + "://prod//db",
		"a path below what is one document":            to + "://single/x",
		"another region":                               to + "://prod/db?region=south",
		"another role":                                 to + "://prod/db?role=root",
		"one provider's address and another's path":    to + "://prod/db?endpoint=http://lab",
		"one provider's role and another's address":    to + "://lab/db?endpoint=http://lab&role=app",
		"an address of its own":                        to + "://prod/db?endpoint=http://evil",
		"an option that no provider has":               to + "://prod/db?tree=true",
		"a file with a token":                          to + "://prod/db?region=north&role=app&token_file=/etc/passwd",
		"another mount":                                to + "://prod/db?mount=sys",
		"a backend that is linked and not configured":  spectest.Scheme(t, spectest.NewPolled(map[string]string{"x": "x"})) + "://x",
		"a backend that is linked, in the way of vals": "ref+" + spectest.Scheme(t, spectest.NewPolled(map[string]string{"x": "x"})) + "://x",
	} {
		t.Run("reads nothing else: "+what, func(t *testing.T) {
			before := len(opened())
			_, err := follow(t, "true", value)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Len(t, opened(), before, "no provider was opened for it")
		})
	}
	t.Run("that could be of several providers says which", func(t *testing.T) {
		here := spectest.Scheme(t, spectest.NewPolled(map[string]string{"v": to + "://prod/db", "which": to + "://prod/db?region=south&role=b"}))
		r := spectest.Open(t, here+"://?references=true "+to+"://prod?region=north "+to+"://prod?region=south&role=b")
		_, err := r.Get(t.Context(), "v")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "several")
		assert.Equal(t, "db", spectest.Get(t, r, "which"))
	})
	t.Run("of two bases of one provider is below either", func(t *testing.T) {
		here := spectest.Scheme(t, spectest.NewPolled(map[string]string{"v": to + "://prod/a/b"}))
		r := spectest.Open(t, here+"://?references=true "+to+"://prod "+to+"://prod/a")
		assert.Equal(t, "ab", spectest.Get(t, r, "v"))
	})
	t.Run("reads as names do, so that no selector of the backend is one in it", func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"prod/db": "db"})
		here := spectest.Scheme(t, spectest.NewPolled(map[string]string{"v": f.Scheme + "://prod/db", "whole": f.Scheme + "://prod/db"}))
		r := spectest.Open(t, here+"://?references=true "+f.Scheme+"://prod")
		assert.Equal(t, "db", spectest.Get(t, r, "v"))
		assert.Equal(t, "db", spectest.Get(t, r, "db"))
		assert.Equal(t, 1, f.Store.Reads("prod/db"), "it is the document that the name db is, and read once")
	})
	t.Run("under an empty base is below it", func(t *testing.T) {
		here := spectest.Scheme(t, spectest.NewPolled(map[string]string{"v": to + "://other", "slash": to + ":///other", "up": to + "://../other"}))
		r := spectest.Open(t, here+"://?references=true "+to+"://?region=north")
		assert.Equal(t, "other", spectest.Get(t, r, "v"))
		assert.Equal(t, "other", spectest.Get(t, r, "slash"))
		_, err := r.Get(t.Context(), "up")
		require.ErrorIs(t, err, secrets.ErrInvalid)
	})
}

func TestAValueThatTheOperatorLetsUseEveryBackend(t *testing.T) {
	to, opened := withOperatorOptions(map[string]string{"x": "x"})
	other := spectest.Scheme(t, spectest.NewPolled(map[string]string{"y": "y"}))
	here := spectest.Scheme(t, spectest.NewPolled(map[string]string{
		"plain": to + "://x", "other": other + "://y", "region": to + "://x?region=west", "whole": to + "://x?endpoint=http://lab&token_file=/lab",
		"part": to + "://x?endpoint=http://lab", "role": to + "://x?role=root", "token": to + "://x?token_file=/etc/shadow",
		"more": to + "://x?endpoint=http://lab&token_file=/lab&role=root", "mount": to + "://x?mount=m",
	}))
	r := spectest.Open(t, here+"://?references=any "+to+"://lab?endpoint=http://lab&token_file=/lab")
	for name, want := range map[string]string{"plain": "x", "other": "y", "region": "x", "whole": "x", "mount": "x"} {
		assert.Equal(t, want, spectest.Get(t, r, name), name)
	}
	before := len(opened())
	for _, name := range []string{"part", "role", "token", "more"} {
		_, err := r.Get(t.Context(), name)
		require.ErrorIs(t, err, secrets.ErrInvalid, name)
		assert.ErrorContains(t, err, "no configured provider has the same", name)
	}
	assert.Len(t, opened(), before, "nothing was opened for them")
}

func TestCheckValueComparesWithAProviderWhole(t *testing.T) {
	to, _ := withOperatorOptions(nil)
	r := spectest.Open(t, to+"://?endpoint=http://lab&token_file=/lab "+to+"://?role=app")
	for reference, ok := range map[string]bool{
		to + "://x":                                           true,
		to + "://x?region=west&version=1":                     true,
		to + "://x?endpoint=http://lab&token_file=/lab":       true,
		to + "://x?role=app":                                  true,
		to + "://x?endpoint=http://lab":                       false, // with a token that is not for there
		to + "://x?token_file=/lab":                           false,
		to + "://x?endpoint=http://lab&role=app":              false,
		to + "://x?role=app&region=west":                      false,
		to + "://x?endpoint=http://lab&token_file=/etc/hosts": false,
	} {
		ref, err := secrets.ParseRef(reference)
		require.NoError(t, err)
		err = r.CheckValue(ref)
		if ok {
			require.NoError(t, err, reference)
		} else {
			require.ErrorIs(t, err, secrets.ErrInvalid, reference)
		}
	}
}
