package secrets_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// environment starts from a default resolver that was not opened yet, with
// SECRETS_URL and SECRETS_CONFIG as given, and leaves it so.
func environment(t *testing.T, url, config string) {
	t.Setenv("SECRETS_URL", url)
	t.Setenv("SECRETS_CONFIG", config)
	secrets.SetDefault(nil)
	t.Cleanup(func() {
		if r, err := secrets.Default(); err == nil {
			assert.NoError(t, r.Close())
		}
		secrets.SetDefault(nil)
	})
}

func TestDefault(t *testing.T) {
	t.Run("is opened from SECRETS_URL when it is first needed, once", func(t *testing.T) {
		one, two := spectest.NewFake(map[string]string{"a": "1"}), spectest.NewFake(map[string]string{"b": "2"})
		environment(t, " "+one.Scheme+"://  "+two.Scheme+":// ", "")
		s, err := secrets.Get(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, "1", s.Reveal())
		s, err = secrets.Get(t.Context(), "b")
		require.NoError(t, err)
		assert.Equal(t, "2", s.Reveal())
		t.Setenv("SECRETS_URL", "gopher://")
		r, err := secrets.Default()
		require.NoError(t, err)
		again, err := secrets.Default()
		require.NoError(t, err)
		assert.Same(t, r, again)
	})

	t.Run("is one, however many goroutines need it first", func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1"})
		environment(t, f.Scheme+"://", "")
		var wg sync.WaitGroup
		all := make([]*secrets.Resolver, 50)
		for i := range all {
			wg.Go(func() { all[i], _ = secrets.Default() })
		}
		wg.Wait()
		for _, r := range all {
			assert.Same(t, all[0], r)
		}
	})

	t.Run("of a wrong SECRETS_URL is ErrInvalid, says which variable, and is tried again", func(t *testing.T) {
		environment(t, "gopher://", "")
		for _, err := range []error{
			func() error { _, err := secrets.Default(); return err }(),
			func() error { _, err := secrets.Get(t.Context(), "a"); return err }(),
			secrets.Load(t.Context(), &struct{}{}),
			secrets.Preload(t.Context(), "a"),
			func() (err error) {
				for _, err = range secrets.Watch(t.Context(), "a") {
				}
				return err
			}(),
			func() error { _, err := secrets.Bind[string](t.Context(), nil, "a", nil); return err }(),
			func() error { _, err := secrets.BindStruct[struct{}](t.Context(), nil); return err }(),
		} {
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, "SECRETS_URL")
		}
		f := spectest.NewFake(map[string]string{"a": "1"})
		t.Setenv("SECRETS_URL", f.Scheme+"://")
		_, err := secrets.Get(t.Context(), "a")
		assert.NoError(t, err)
	})

	t.Run("does not repeat a credential that SECRETS_URL holds", func(t *testing.T) {
		environment(t, "vault://user:hunter2@host/x", "")
		_, err := secrets.Get(t.Context(), "a")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.NotContains(t, err.Error(), "hunter2")
	})

	t.Run("with neither variable, and package envfile not linked, says what to set and what to import", func(t *testing.T) {
		secrets.Unlink(t, "envfile")
		for _, blank := range []string{"", "  "} {
			environment(t, blank, "")
			_, err := secrets.Get(t.Context(), "a")
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, "SECRETS_URL")
			assert.ErrorContains(t, err, `import _ "github.com/go-secrets/secrets/envfile"`)
		}
	})

	t.Run("is what SetDefault was given, and opened anew after SetDefault(nil)", func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "environment"})
		environment(t, f.Scheme+"://", "")
		mine := spectest.On(t, spectest.NewPolled(map[string]string{"a": "mine"}))
		secrets.SetDefault(mine)
		s, err := secrets.Get(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, "mine", s.Reveal())
		assert.Empty(t, f.Openings())
		secrets.SetDefault(nil)
		s, err = secrets.Get(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, "environment", s.Reveal())
		assert.Equal(t, "mine", spectest.Get(t, mine, "a"), "SetDefault closes nothing")
	})
}

// SECRETS_CONFIG is read by what package config registers. Here a reader of
// the tests' own stands for it, which must not be there for the others.
func TestDefaultFromAFile(t *testing.T) {
	t.Run("without package config is ErrInvalid, with the import to add", func(t *testing.T) {
		environment(t, "", "/etc/secrets.yaml")
		_, err := secrets.Get(t.Context(), "a")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "SECRETS_CONFIG")
		assert.ErrorContains(t, err, `import _ "github.com/go-secrets/secrets/config"`)
	})
	t.Run("is SECRETS_URL, where both are set and package config is not linked", func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1"})
		environment(t, f.Scheme+"://", "/etc/secrets.yaml")
		_, err := secrets.Get(t.Context(), "a")
		assert.NoError(t, err)
	})

	f := spectest.NewFake(map[string]string{"a": "1"})
	secrets.UseConfigReader(t, func(path string) (secrets.Config, error) {
		if path != "/etc/secrets.yaml" {
			return secrets.Config{}, errors.New("no such file: " + path)
		}
		return secrets.Config{Providers: []string{f.Scheme + "://"}}, nil
	})
	t.Run("is opened with what package config reads", func(t *testing.T) {
		environment(t, "", "/etc/secrets.yaml")
		s, err := secrets.Get(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, "1", s.Reveal())
	})
	t.Run("that cannot be read is told with its variable, and tried again", func(t *testing.T) {
		environment(t, "", "/nowhere.yaml")
		_, err := secrets.Get(t.Context(), "a")
		require.ErrorContains(t, err, "SECRETS_CONFIG")
		assert.ErrorContains(t, err, "/nowhere.yaml")
		t.Setenv("SECRETS_CONFIG", "/etc/secrets.yaml")
		_, err = secrets.Get(t.Context(), "a")
		assert.NoError(t, err)
	})
	t.Run("and SECRETS_URL at once are refused, for nobody could tell which goes first", func(t *testing.T) {
		environment(t, f.Scheme+"://", "/etc/secrets.yaml")
		_, err := secrets.Get(t.Context(), "a")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "SECRETS_URL")
		assert.ErrorContains(t, err, "SECRETS_CONFIG")
	})
}

func TestNewContext(t *testing.T) {
	t.Run("gives every package function its resolver, before the default", func(t *testing.T) {
		environment(t, "gopher://", "")
		p := secretstest.NewProvider(map[string]string{"a": "mine"})
		ctx := secrets.NewContext(t.Context(), spectest.On(t, p))
		s, err := secrets.Get(ctx, "a")
		require.NoError(t, err)
		assert.Equal(t, "mine", s.Reveal())
		assert.NoError(t, secrets.Preload(ctx, "a"))
		var dst struct {
			A string `secret:"a"`
		}
		assert.NoError(t, secrets.Load(ctx, &dst))
		for s, err := range secrets.Watch(ctx, "a") {
			assert.NoError(t, err)
			assert.Equal(t, "mine", s.Reveal())
			break
		}
		live, err := secrets.Bind[string](ctx, nil, "a", nil)
		require.NoError(t, err)
		assert.Equal(t, "mine", live.Get())
	})
	t.Run("of an inner context goes before that of an outer one, and nil does not count", func(t *testing.T) {
		outer, inner := spectest.On(t, spectest.NewPolled(map[string]string{"a": "outer"})), spectest.On(t, spectest.NewPolled(map[string]string{"a": "inner"}))
		ctx := secrets.NewContext(secrets.NewContext(t.Context(), outer), inner)
		s, err := secrets.Get(ctx, "a")
		require.NoError(t, err)
		assert.Equal(t, "inner", s.Reveal())
		environment(t, "", "")
		secrets.SetDefault(outer)
		s, err = secrets.Get(secrets.NewContext(t.Context(), nil), "a")
		require.NoError(t, err)
		assert.Equal(t, "outer", s.Reveal())
	})
}
