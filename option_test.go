package secrets_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	known := spectest.Scheme(t, secretstest.NewProvider(nil))
	for name, opt := range map[string]secrets.Option{
		"a negative TTL":                                      secrets.WithTTL(-1),
		"no greatest age":                                     secrets.WithMaxStale(0),
		"a negative greatest age":                             secrets.WithMaxStale(-time.Hour),
		"no timeout":                                          secrets.WithTimeout(0),
		"a negative timeout":                                  secrets.WithTimeout(-1),
		"no idle time":                                        secrets.WithIdle(0),
		"a negative idle time":                                secrets.WithIdle(-1),
		"no negative TTL":                                     secrets.WithNegativeTTL(0),
		"a negative negative TTL":                             secrets.WithNegativeTTL(-1),
		"no room":                                             secrets.WithMaxEntries(0),
		"less than no room":                                   secrets.WithMaxEntries(-5),
		"a reference without a scheme":                        secrets.WithReferences(map[string]string{"a": "prod/db"}),
		"a reference to a scheme that is not linked":          secrets.WithReferences(map[string]string{"a": "vault://secret/db"}),
		"a reference with an unknown option":                  secrets.WithReferences(map[string]string{"a": known + "://db?colour=red"}),
		"a reference for a malformed name":                    secrets.WithReferences(map[string]string{"a//b": known + "://db"}),
		"a reference for a name with a field":                 secrets.WithReferences(map[string]string{"a#b": known + "://db"}),
		"a reference that makes one field of all names below": secrets.WithReferences(map[string]string{"a/": known + "://db#field"}),
	} {
		t.Run(name+" is ErrInvalid from every method of New", func(t *testing.T) {
			t.Parallel()
			p := secretstest.NewProvider(map[string]string{"a": "1"})
			r := secrets.New(p, opt)
			ctx := t.Context()

			_, err := r.Get(ctx, "a")
			assert.ErrorIs(t, err, secrets.ErrInvalid, "Get")
			assert.ErrorIs(t, r.Preload(ctx, "a"), secrets.ErrInvalid, "Preload")
			_, err = r.Refresh(ctx, "a")
			assert.ErrorIs(t, err, secrets.ErrInvalid, "Refresh")
			err = r.Retry(ctx, "a", func(error) bool { return false }, func(context.Context, secrets.Secret) error { return nil })
			assert.ErrorIs(t, err, secrets.ErrInvalid, "Retry")
			assert.ErrorIs(t, r.Load(ctx, new(struct{})), secrets.ErrInvalid, "Load")
			assert.ErrorIs(t, r.Healthy(), secrets.ErrInvalid, "Healthy")
			_, err = secrets.Bind[string](ctx, r, "a", nil)
			assert.ErrorIs(t, err, secrets.ErrInvalid, "Bind")
			_, err = secrets.BindStruct[struct{}](ctx, r)
			assert.ErrorIs(t, err, secrets.ErrInvalid, "BindStruct")

			yields := 0
			for s, err := range r.Watch(ctx, "a") {
				yields++
				assert.True(t, s.IsZero())
				assert.ErrorIs(t, err, secrets.ErrInvalid, "Watch")
			}
			assert.Equal(t, 1, yields, "Watch tells it and ends")
			yields = 0
			for _, err := range r.List(ctx, "") {
				yields++
				assert.ErrorIs(t, err, secrets.ErrInvalid, "List")
			}
			assert.Equal(t, 1, yields, "List tells it and ends")

			assert.Empty(t, r.Status())
			assert.NotPanics(t, func() { r.Invalidate(secrets.Secret{}) })
			assert.ErrorIs(t, r.Close(), secrets.ErrInvalid, "Close")
			assert.ErrorIs(t, r.Detach(), secrets.ErrInvalid, "Detach")
			assert.Zero(t, p.Calls(), "nothing was read")
		})
		t.Run(name+" is ErrInvalid from Open", func(t *testing.T) {
			t.Parallel()
			r, err := secrets.Open(t.Context(), known+"://", opt)
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Nil(t, r)
		})
	}

	t.Run("a nil provider is ErrInvalid from every method of New", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.New(nil).Get(t.Context(), "a")
		assert.ErrorIs(t, err, secrets.ErrInvalid)
	})
	t.Run("the error names the option", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.New(secretstest.NewProvider(nil), secrets.WithMaxStale(-1)).Get(t.Context(), "a")
		assert.ErrorContains(t, err, "WithMaxStale")
	})
}

func TestOptionsThatAreFine(t *testing.T) {
	t.Parallel()
	t.Run("references that are given twice are merged, the later going first", func(t *testing.T) {
		t.Parallel()
		s := spectest.Scheme(t, secretstest.NewProvider(map[string]string{"one": "1", "two": "2", "three": "3"}))
		r := secrets.New(secretstest.NewProvider(nil), secrets.WithLogger(nil),
			secrets.WithReferences(map[string]string{"a": s + "://one", "b": s + "://one"}),
			secrets.WithReferences(map[string]string{"b": s + "://two", "c": s + "://three"}))
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
		assert.Equal(t, "3", spectest.Get(t, r, "c"))
	})
	t.Run("a TTL beyond MaxStale lets no value in use expire", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(48*time.Hour), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		p.Delay("db", 50*time.Millisecond)
		for range 600 {
			time.Sleep(31 * time.Second)
			start := time.Now()
			spectest.Get(t, r, "db")
			require.Equal(t, start, time.Now(), "no Get waits")
		}
		assert.LessOrEqual(t, p.Reads("db"), 8)
	}))
	t.Run("the map of references may be changed afterwards", func(t *testing.T) {
		t.Parallel()
		s := spectest.Scheme(t, secretstest.NewProvider(map[string]string{"one": "1"}))
		references := map[string]string{"a": s + "://one"}
		r := secrets.New(secretstest.NewProvider(nil), secrets.WithLogger(nil), secrets.WithReferences(references))
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		delete(references, "a")
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
	})
}

func TestADurationWithoutAUnitIsRefused(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]secrets.Option{
		"WithTTL": secrets.WithTTL(300), "WithMaxStale": secrets.WithMaxStale(86400), "WithTimeout": secrets.WithTimeout(10),
		"WithNegativeTTL": secrets.WithNegativeTTL(2),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := secretstest.NewProvider(map[string]string{"a": "1"})
			r := secrets.New(p, option)
			_, err := r.Get(t.Context(), "a")
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, name)
			assert.ErrorContains(t, err, "*time.Second")
			assert.Zero(t, p.Calls().Reads)
			require.ErrorIs(t, r.Close(), secrets.ErrInvalid)
		})
	}
	t.Run("in a Config", func(t *testing.T) {
		t.Parallel()
		ttl := secrets.Duration(300)
		for _, cache := range []secrets.CacheConfig{{TTL: &ttl}, {MaxStale: 300}, {Timeout: 300}, {NegativeTTL: 300}} {
			_, err := secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{"optioned://"}, Cache: cache})
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, "300ns")
		}
	})
	t.Run("but a millisecond is not, nor is a TTL of zero", func(t *testing.T) {
		t.Parallel()
		for _, option := range []secrets.Option{secrets.WithTTL(time.Millisecond), secrets.WithTTL(0), secrets.WithTimeout(time.Millisecond)} {
			r := secrets.New(spectest.NewPolled(nil), option)
			require.NoError(t, r.Close())
		}
	})
}
