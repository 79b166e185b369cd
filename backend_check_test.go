package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// checked registers a scheme whose options kv and version can have one value
// each, and whose URI must have a path.
func checked(t *testing.T, check func(secrets.Ref) error) string {
	t.Helper()
	s := spectest.NewScheme("checked")
	secrets.Register(s, secrets.Backend{
		Open: func(context.Context, secrets.Ref) (secrets.Provider, error) {
			t.Error("nothing is to be opened")
			return nil, secrets.ErrUnavailable
		},
		Options: []string{"kv", "auth"}, DocumentOptions: []string{"version"}, Check: check,
	})
	return s
}

func TestABackendChecksItsURIs(t *testing.T) {
	t.Parallel()
	s := checked(t, func(ref secrets.Ref) error {
		switch {
		case ref.Options["kv"] == "9":
			return fmt.Errorf("%w: option kv: want 1 or 2", secrets.ErrInvalid)
		case ref.Options["version"] == "none":
			return errors.New("option version: want a number")
		case ref.Options["auth"] == "boom":
			panic("hunter2")
		case ref.Base == "" && ref.Path == "":
			return fmt.Errorf("%w: a mount is missing", secrets.ErrInvalid)
		case len(ref.Options) > 0 && ref.Options["ttl"] != "":
			return errors.New("an option of the resolver is none of the backend")
		}
		return nil
	})
	for uri, text := range map[string]string{
		"://secret?kv=9":         "option kv: want 1 or 2",
		"://secret?version=none": "option version: want a number",
		"://":                    "a mount is missing",
		"://secret?auth=boom":    "panicked",
	} {
		_, err := secrets.Open(t.Context(), s+uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		require.NotErrorIs(t, err, secrets.ErrUnavailable, uri)
		require.ErrorContains(t, err, text)
		assert.NotContains(t, err.Error(), "hunter2")

		r := secrets.New(secrets.Chain(), secrets.WithReferences(map[string]string{"db": s + uri}))
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		require.ErrorContains(t, err, text)
	}
	for _, uri := range []string{"://secret", "://secret?kv=2&ttl=5m", "://secret/a?version=3"} {
		r, err := secrets.Open(t.Context(), s+uri)
		require.NoError(t, err, uri)
		require.NoError(t, r.Close())
	}
}

func TestAMisspeltWordIsToldTheNearest(t *testing.T) {
	t.Parallel()
	s := checked(t, nil)
	for uri, hint := range map[string]string{
		"vualt://secret":      "did you mean vault?",
		"awsm://prod":         "did you mean awssm?",
		"gpc://project":       "did you mean gcp?",
		"envfil://.env":       "did you mean envfile?",
		s + "://x?verison=3":  "did you mean version?",
		s + "://x?kvv=2":      "did you mean kv?",
		s + "://x?Auth=token": "did you mean auth?",
		s + "://x?tll=5m":     "did you mean ttl?",
		s + "://x?decod=no":   "did you mean decode?",
	} {
		_, err := secrets.Open(t.Context(), uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		assert.ErrorContains(t, err, hint, uri)
	}
	for _, uri := range []string{"postgresql://x", s + "://x?sslmode=disable"} {
		_, err := secrets.Open(t.Context(), uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		assert.NotContains(t, err.Error(), "did you mean", uri)
	}
}
