package secrets_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestTextOfAnError(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		err  secrets.Error
		want string
	}{
		"says what was done, of which name, where, and why": {
			secrets.Error{Op: "get", Name: "db", Ref: "vault://secret/db", Provider: "vault", Err: secrets.ErrPermission},
			`secrets: get "db": vault://secret/db: permission denied`,
		},
		"names the provider where no place is known": {
			secrets.Error{Op: "renew", Name: "db", Provider: "vault", Err: secrets.ErrPermission},
			`secrets: renew "db": vault: permission denied`,
		},
		"may be of no name": {
			secrets.Error{Op: "close", Provider: "vault", Err: secrets.ErrUnavailable},
			`secrets: close: vault: unavailable`,
		},
		"may be of no place": {
			secrets.Error{Op: "get", Name: "db", Err: secrets.ErrClosed},
			`secrets: get "db": closed`,
		},
		"may have no reason": {
			secrets.Error{Op: "get", Name: "db", Ref: "env://DB"},
			`secrets: get "db": env://DB`,
		},
		"names the package once, however many errors are in it": {
			secrets.Error{Op: "load", Err: &secrets.Error{Op: "get", Name: "db", Err: secrets.ErrNotFound}},
			`secrets: load: get "db": not found`,
		},
		"repeats no URI that was taken for a name": {
			secrets.Error{Op: "get", Name: "vault://user:hunter2@host/db", Err: secrets.ErrInvalid},
			`secrets: get "vault://…": invalid`,
		},
		"keeps a name on its line": {
			secrets.Error{Op: "get", Name: "db\nsecrets: \"fine\"", Err: secrets.ErrInvalid},
			`secrets: get "db\nsecrets: \"fine\"": invalid`,
		},
		"prints a name of 200 bytes whole": {
			secrets.Error{Op: "get", Name: strings.Repeat("n", 200), Err: secrets.ErrInvalid},
			`secrets: get "` + strings.Repeat("n", 200) + `": invalid`,
		},
		"prints so much of a longer one": {
			secrets.Error{Op: "get", Name: strings.Repeat("n", 100_000), Err: secrets.ErrInvalid},
			`secrets: get "` + strings.Repeat("n", 200) + `…": invalid`,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, c.err.Error())
		})
	}

	nothing := spectest.Fetching(func(context.Context, secrets.Ref) (secrets.Value, error) {
		return secrets.Value{}, secrets.ErrNotFound
	})

	t.Run("tells of every place that was tried, one after the other", spectest.Bubble(func(t *testing.T) {
		_, err := spectest.On(t, nothing).Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.EqualError(t, err, `secrets: get "db/password": db/password: not found; db#password: not found`)
	}))

	t.Run("tells of every member of a chain, one after the other", spectest.Bubble(func(t *testing.T) {
		_, err := spectest.On(t, secrets.Chain(nothing, nothing, nothing)).Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.EqualError(t, err, `secrets: get "db": member 1 of the chain: db: not found; `+
			`member 2 of the chain: db: not found; member 3 of the chain: db: not found`)
	}))

	t.Run("tells of the parent alone where that alone was tried", spectest.Bubble(func(t *testing.T) {
		s := spectest.Scheme(t, nothing)
		_, err := spectest.Open(t, s+"://?search=parent").Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.EqualError(t, err, `secrets: get "db/password": `+s+`://db#password: not found`)
	}))
}

func TestErrorOfNoClass(t *testing.T) {
	t.Run("counts as unavailable, with its own text, and stays within reach", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		own := errors.New("the flux capacitor is empty")
		p.Fail("db", own)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, own)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		for _, other := range []error{secrets.ErrThrottled, secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrInvalid, secrets.ErrClosed} {
			require.NotErrorIs(t, err, other)
		}
		assert.EqualError(t, err, `secrets: get "db": db: unavailable: the flux capacitor is empty`)
	}))
}
