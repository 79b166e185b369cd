package secrets_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

func TestParseValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"awssm://prod/db#password":                       "awssm://prod/db#password",
		"vault:secret/data/x#key":                        "vault://secret/data/x#key",
		"sm://p/s":                                       "gcp://p/s",
		"ref+vault://secret/x#/key":                      "vault://secret/x#/key",
		"secretref+file:///run/secrets/db":               "file:///run/secrets/db",
		"gcp:secretmanager:projects/p/secrets/s":         "gcp://p/s",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/a": "ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/a?region=eu-west-1",
		"file://migrations":                              "",
		"env://X":                                        "",
		"envfile://.env":                                 "",
		"":                                               "",
		"hunter2":                                        "",
		"https://example.com/a#b":                        "",
		"postgres://u:p@h/db":                            "",
		"vault:8200":                                     "",
		"arn:aws:iam::123456789012:role/x":               "",
		"a text that talks of ref+erences":               "",
	} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, value)
		assert.Equal(t, want != "", found, value)
		if found {
			assert.Equal(t, want, ref.String())
		}
	}
	for _, value := range []string{
		"postgres://u:ref+vault://x#/p+@h", "x secretref+awssm://db", "ref+nope://x", "awssm://a?region", "ref+vault://x#/p+@h",
	} {
		_, found, err := secrets.ParseValue(value)
		require.ErrorIs(t, err, secrets.ErrInvalid, value)
		assert.False(t, found)
	}
}

func TestReferencesInValues(t *testing.T) {
	elsewhere := secretstest.NewProvider(map[string]string{"prod/db": `{"user":"u","password":"p"}`, "key": "k"})
	there := scheme(t, elsewhere)
	here := secretstest.NewProvider(map[string]string{
		"db/password": there + "://prod/db#password",
		"db":          there + "://prod/db",
		"key":         there + "://key",
		"plain":       "text",
		"gone":        there + "://nowhere",
		"within":      "postgres://u:ref+" + there + "://key+@h",
		"all":         `{"key":"` + there + `://key"}`,
	})
	r, err := secrets.Open(t.Context(), scheme(t, here)+"://?references=true "+scheme(t, secretstest.NewProvider(map[string]string{"gone": "x"}))+"://")
	require.NoError(t, err)
	defer r.Close()

	for name, want := range map[string]string{"db/password": "p", "db#user": "u", "key": "k", "plain": "text", "all/key": "k"} {
		assert.Equal(t, want, value(t, r, name), name)
	}
	_, err = r.Get(t.Context(), "gone")
	require.ErrorIs(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "nowhere", "a reference does not fall through")
	_, err = r.Get(t.Context(), "within")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	_, err = r.Get(t.Context(), "db/password#x")
	require.ErrorIs(t, err, secrets.ErrInvalid)

	literal, err := secrets.Open(t.Context(), scheme(t, here)+"://")
	require.NoError(t, err)
	defer literal.Close()
	assert.Equal(t, there+"://key", value(t, literal, "key"), "without the option a value is a value")
}

func TestRedirectingValues(t *testing.T) {
	other := scheme(t, secretstest.NewProvider(nil))
	ref, found, err := secrets.ParseValue(other + "://x?endpoint=http://127.0.0.1:1")
	require.NoError(t, err)
	require.True(t, found)
	r := secrets.New(secretstest.NewProvider(nil))
	defer r.Close()
	err = r.CheckValue(ref)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "endpoint")
}
