package secretstest_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

func TestNewGivesAResolverAndItsProvider(t *testing.T) {
	t.Parallel()
	r, p := secretstest.New(t, map[string]string{"db": `{"user":"app","password":"one"}`}, secrets.WithTTL(0))

	s, err := r.Get(t.Context(), "db/password")
	require.NoError(t, err)
	secretstest.AssertEqual(t, "one", s)

	p.Set("db", `{"user":"app","password":"two"}`)
	s, err = r.Get(t.Context(), "db#password")
	require.NoError(t, err)
	secretstest.AssertEqual(t, "two", s)

	p.Fail("db", secretstest.Denied("db:Read"))
	_, err = r.Refresh(t.Context(), "db#password")
	require.ErrorIs(t, err, secrets.ErrPermission)
}

func TestNewEndsTheResolverWithTheTest(t *testing.T) {
	t.Parallel()
	var r *secrets.Resolver
	t.Run("a test that leaves a read blocked", func(t *testing.T) {
		var p *secretstest.Provider
		r, p = secretstest.New(t, map[string]string{"a": "one"})
		p.Block(secretstest.All)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := r.Get(ctx, "a")
		require.Error(t, err)
	})
	_, err := r.Get(t.Context(), "a")
	require.ErrorIs(t, err, secrets.ErrClosed)
}

func TestWatchedSecretsChangeAtOnce(t *testing.T) {
	t.Parallel()
	r, p := secretstest.New(t, map[string]string{"a": "one"})
	live, err := secrets.Bind(t.Context(), r, "a", func(s secrets.Secret) (int, error) { return len(s.Reveal()), nil })
	require.NoError(t, err)
	defer live.Stop()
	assert.Equal(t, 3, live.Get())
	p.Set("a", "three")
	require.Eventually(t, func() bool { return live.Get() == 5 }, 5*time.Second, time.Millisecond)
}

func TestContextsOfParallelTestsAreApart(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"one", "two"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			ctx := secretstest.Context(t, map[string]string{"a": value})
			s, err := secrets.Get(ctx, "a")
			require.NoError(t, err)
			secretstest.AssertEqual(t, value, s)
		})
	}
}

func TestSetSwapsTheDefaultAndGivesItBack(t *testing.T) {
	url, set := os.LookupEnv("SECRETS_URL")
	get := func(t *testing.T) secrets.Secret {
		t.Helper()
		s, err := secrets.Get(t.Context(), "a")
		require.NoError(t, err)
		return s
	}
	own, _ := secretstest.New(t, map[string]string{"a": "own"})

	t.Run("over none", func(t *testing.T) {
		p := secretstest.Set(t, map[string]string{"a": "one"})
		secretstest.AssertEqual(t, "one", get(t))
		p.Set("b", "two")
		s, err := secrets.Get(t.Context(), "b")
		require.NoError(t, err)
		secretstest.AssertEqual(t, "two", s)
		now, still := os.LookupEnv("SECRETS_URL")
		assert.Equal(t, url, now)
		assert.Equal(t, set, still, "the environment is as it was")
	})
	t.Run("none is open afterwards", func(t *testing.T) {
		t.Setenv("SECRETS_URL", "nothing-that-is-linked://")
		_, err := secrets.Default()
		require.ErrorIs(t, err, secrets.ErrInvalid)
	})

	secrets.SetDefault(own)
	t.Cleanup(func() { secrets.SetDefault(nil) })
	t.Run("over another, twice", func(t *testing.T) {
		secretstest.Set(t, map[string]string{"a": "one"})
		secretstest.Set(t, map[string]string{"a": "two"})
		secretstest.AssertEqual(t, "two", get(t))
	})
	secretstest.AssertEqual(t, "own", get(t))
}

func TestSetPanicsInAParallelTest(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { secretstest.Set(t, nil) })
}

func TestValueIsASecret(t *testing.T) {
	t.Parallel()
	s := secretstest.Value(`{"user":"app"}`)
	assert.Equal(t, `{"user":"app"}`, s.Reveal())
	assert.Equal(t, "[REDACTED]", s.String())
	user, err := s.Field("user")
	require.NoError(t, err)
	secretstest.AssertEqual(t, "app", user)
	assert.False(t, secretstest.Value("").IsZero(), "an empty secret is a secret")
	assert.Panics(t, func() { secretstest.Value("[REDACTED]") }, "a redacted secret is none")
}

// says records what a failed assertion says.
type says struct{ text strings.Builder }

func (s *says) Errorf(format string, args ...any) { fmt.Fprintf(&s.text, format, args...) }

func TestAssertEqualPrintsNeitherValue(t *testing.T) {
	t.Parallel()
	r, _ := secretstest.New(t, map[string]string{"db/password": "gotten-value"})
	got, err := r.Get(t.Context(), "db/password")
	require.NoError(t, err)
	for want, message := range map[string]string{
		"gotten-value":  "",
		"another-value": "the lengths differ",
		"wanted-value":  "the lengths are equal",
		"":              "the lengths differ",
	} {
		var s says
		assert.Equal(t, message == "", secretstest.AssertEqual(&s, want, got))
		assert.Contains(t, s.text.String(), message)
		assert.NotContains(t, s.text.String(), "-value")
		if message != "" {
			assert.Contains(t, s.text.String(), `"db/password"`)
		}
	}
	var s says
	assert.False(t, secretstest.AssertEqual(&s, "", secrets.Secret{}), "the zero Secret is no empty secret")
}
