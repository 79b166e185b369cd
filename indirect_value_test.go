package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestParseValueTellsReferencesFromText(t *testing.T) {
	there := spectest.Scheme(t, spectest.NewPolled(nil))
	for _, value := range []string{there + "://a/b", "ref+" + there + "://a/b", "secretref+" + there + "://a/b"} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, value)
		assert.True(t, found, value)
		assert.Equal(t, there, ref.Scheme, value)
		assert.Equal(t, "a/b", ref.Path, value)
	}
	for _, value := range []string{
		"", "text", "env", "file", "ENVFILE", "file:///etc/db", "FILE://migrations", "env://HOME", "envfile://.env#A",
		"nobodys://x", "https://example.com",
		"ref+", "see ref+docs", "a ref+b and a ref+c", "a ref+ b://c", "my ref+9s://x",
	} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, value)
		assert.False(t, found, value)
		assert.Zero(t, ref, value)
	}
	for _, value := range []string{
		"postgres://u:ref+" + there + "://key@h",
		"postgres://u:secretref+" + there + "://key@h",
		"a ref+b and ref+" + there + "://key",
		"key=ref+nobodys://x",
	} {
		_, found, err := secrets.ParseValue(value)
		require.ErrorIs(t, err, secrets.ErrInvalid, value)
		assert.NotErrorIs(t, err, secrets.ErrNotFound, value)
		assert.ErrorContains(t, err, "make it the whole value", value)
		assert.False(t, found, value)
	}
	_, found, err := secrets.ParseValue(there + "://a?colour")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.False(t, found, "what cannot be read is no reference that was found")
}

func TestCheckValueRefusesAnOptionThatSendsCredentialsElsewhere(t *testing.T) {
	f, other := spectest.NewFake(nil), spectest.NewFake(nil)
	check := func(t *testing.T, uri string, reference string) error {
		ref, found, err := secrets.ParseValue(reference)
		require.NoError(t, err)
		require.True(t, found)
		return spectest.Open(t, uri).CheckValue(ref)
	}
	t.Run("but not one that sends them where a provider of this scheme does", func(t *testing.T) {
		assert.NoError(t, check(t, f.Scheme+"://?endpoint=http://one", f.Scheme+"://x?endpoint=http://one"))
		assert.NoError(t, check(t, other.Scheme+":// "+f.Scheme+"://?endpoint=http://two "+f.Scheme+"://?endpoint=http://one", f.Scheme+"://x?endpoint=http://one"), "be it any of several")
	})
	t.Run("nor others, nor none", func(t *testing.T) {
		assert.NoError(t, check(t, f.Scheme+"://?endpoint=http://one", f.Scheme+"://x"))
		assert.NoError(t, check(t, other.Scheme+"://", f.Scheme+"://x?region=north"))
	})
	for what, uri := range map[string]string{
		"which no provider has":                         f.Scheme + "://",
		"which one of the scheme has otherwise":         f.Scheme + "://?endpoint=http://two",
		"which only one of another scheme has likewise": other.Scheme + "://?endpoint=http://one " + f.Scheme + "://",
	} {
		t.Run(what, func(t *testing.T) {
			err := check(t, uri, f.Scheme+"://x?endpoint=http://one")
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.NotErrorIs(t, err, secrets.ErrNotFound)
			assert.ErrorContains(t, err, "endpoint")
			assert.ErrorContains(t, err, f.Scheme)
		})
	}
}
