package secrets_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func duration(d time.Duration) *secrets.Duration { return (*secrets.Duration)(&d) }

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"5m": 5 * time.Minute, "24h": 24 * time.Hour, "0s": 0, "1m30s": 90 * time.Second} {
		t.Run("reads "+text, func(t *testing.T) {
			t.Parallel()
			var d secrets.Duration
			require.NoError(t, d.UnmarshalText([]byte(text)))
			assert.Equal(t, want, time.Duration(d))
		})
	}
	for _, text := range []string{"", "5", "five minutes", "5d"} {
		t.Run("refuses "+text, func(t *testing.T) {
			t.Parallel()
			var d secrets.Duration
			err := d.UnmarshalText([]byte(text))
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, "5m", "it says what it wants")
		})
	}
	t.Run("is written as it is read", func(t *testing.T) {
		t.Parallel()
		cfg := secrets.Config{Providers: []string{"env://"}, Cache: secrets.CacheConfig{TTL: duration(0), MaxStale: secrets.Duration(time.Hour)}}
		data, err := json.Marshal(cfg)
		require.NoError(t, err)
		assert.JSONEq(t, `{"providers":["env://"],"cache":{"ttl":"0s","max_stale":"1h0m0s"}}`, string(data))
		var back secrets.Config
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, cfg, back)
	})
}

func TestOpenConfig(t *testing.T) {
	t.Run("searches the providers in order, and follows the references", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewFake(map[string]string{"a": "1", "b": "1"}), spectest.NewFake(map[string]string{"b": "2", "c": "2", "prod/x": "3"})
		var cfg secrets.Config
		require.NoError(t, json.Unmarshal([]byte(`{
			"providers": ["`+one.Scheme+`://", "`+two.Scheme+`://"],
			"references": {"moved/": "`+two.Scheme+`://prod"},
			"cache": {"ttl": "10s", "max_stale": "1m", "timeout": "2s", "idle": "1h", "negative_ttl": "5s", "max_entries": 500},
			"refresh": "background"
		}`), &cfg))
		r, err := secrets.OpenConfig(t.Context(), cfg, secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		for name, want := range map[string]string{"a": "1", "b": "1", "c": "2", "moved/x": "3"} {
			assert.Equal(t, want, spectest.Get(t, r, name), name)
		}
		one.Store.Set("a", "new")
		time.Sleep(11 * time.Second)
		assert.Equal(t, "new", spectest.Get(t, r, "a"), "at the TTL")
		one.Store.Fail("a", secrets.ErrUnavailable)
		time.Sleep(75 * time.Second)
		_, err = r.Get(t.Context(), "a")
		assert.ErrorIs(t, err, secrets.ErrUnavailable, "past max_stale")
	}))
	t.Run("of zero values means the defaults", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1"})
		r, err := secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{f.Scheme + "://"}}, secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		spectest.Get(t, r, "a")
		f.Store.Set("a", "2")
		time.Sleep(3 * time.Minute)
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
		time.Sleep(2*time.Minute + time.Second)
		assert.Equal(t, "2", spectest.Get(t, r, "a"))
	}))
	t.Run("with a TTL of 0s keeps nothing", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1"})
		r, err := secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{f.Scheme + "://"}, Cache: secrets.CacheConfig{TTL: duration(0)}}, secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		spectest.Get(t, r, "a")
		f.Store.Set("a", "2")
		assert.Equal(t, "2", spectest.Get(t, r, "a"))
	}))
	t.Run("with refresh on_demand has no goroutine", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1"})
		r, err := secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{f.Scheme + "://"}, Refresh: "on_demand"}, secrets.WithLogger(nil))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		spectest.Get(t, r, "a")
		spectest.KeepUsing(t, r, "a")()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 1, f.Store.Reads("a"))
	}))
	t.Run("is overruled by options", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"a": "1"})
		cfg := secrets.Config{Providers: []string{f.Scheme + "://"}, Cache: secrets.CacheConfig{TTL: duration(time.Hour)}}
		r, err := secrets.OpenConfig(t.Context(), cfg, secrets.WithLogger(nil), secrets.WithTTL(0))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		spectest.Get(t, r, "a")
		f.Store.Set("a", "2")
		assert.Equal(t, "2", spectest.Get(t, r, "a"))
	}))

	f := spectest.NewFake(nil)
	uri := f.Scheme + "://"
	for what, cfg := range map[string]secrets.Config{
		"no providers":               {},
		"an unknown scheme":          {Providers: []string{"gopher://"}},
		"an unlinked scheme":         {Providers: []string{uri, "vault://x"}},
		"an unknown refresh":         {Providers: []string{uri}, Refresh: "sometimes"},
		"a wrong reference":          {Providers: []string{uri}, References: map[string]string{"a": "b"}},
		"a negative TTL":             {Providers: []string{uri}, Cache: secrets.CacheConfig{TTL: duration(-1)}},
		"a negative max_stale":       {Providers: []string{uri}, Cache: secrets.CacheConfig{MaxStale: -1}},
		"a negative timeout":         {Providers: []string{uri}, Cache: secrets.CacheConfig{Timeout: -1}},
		"a negative idle":            {Providers: []string{uri}, Cache: secrets.CacheConfig{Idle: -1}},
		"a negative negative_ttl":    {Providers: []string{uri}, Cache: secrets.CacheConfig{NegativeTTL: -1}},
		"a negative max_entries":     {Providers: []string{uri}, Cache: secrets.CacheConfig{MaxEntries: -1}},
		"an empty URI among several": {Providers: []string{uri, ""}},
	} {
		t.Run("refuses "+what, func(t *testing.T) {
			t.Parallel()
			r, err := secrets.OpenConfig(t.Context(), cfg)
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Nil(t, r)
		})
	}
}
