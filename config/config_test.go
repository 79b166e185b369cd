package config_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/config"
	_ "github.com/go-secrets/secrets/envfile"
)

// environment is a lookup in a map.
func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		text, ok := variables[name]
		return text, ok
	}
}

func duration(d time.Duration) *secrets.Duration {
	v := secrets.Duration(d)
	return &v
}

func TestEveryKeyOfTheFileReachesTheConfig(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse([]byte(`
providers: ["env://", "vault://secret/${APP_ENV:-dev}"]   # searched in order
references:                                              # names that live elsewhere
  stripe/key: awssm://prod/stripe?region=eu-west-1#key
  legacy/: ssm:///legacy
cache: {ttl: 5m, max_stale: 24h, timeout: 1500ms, idle: 15m, negative_ttl: 2s, max_entries: 5000}
refresh: on_demand
`), environment(nil))
	require.NoError(t, err)
	assert.Equal(t, secrets.Config{
		Providers:  []string{"env://", "vault://secret/dev"},
		References: map[string]string{"stripe/key": "awssm://prod/stripe?region=eu-west-1#key", "legacy/": "ssm:///legacy"},
		Cache: secrets.CacheConfig{
			TTL: duration(5 * time.Minute), MaxStale: secrets.Duration(24 * time.Hour), Timeout: secrets.Duration(1500 * time.Millisecond),
			Idle: secrets.Duration(15 * time.Minute), NegativeTTL: secrets.Duration(2 * time.Second), MaxEntries: 5000,
		},
		Refresh: "on_demand",
	}, cfg)
}

// A field that Config gets and this package does not know fails here.
func TestWhatAConfigMarshalsToIsReadBack(t *testing.T) {
	t.Parallel()
	full := secrets.Config{
		Providers:  []string{"env://"},
		References: map[string]string{"a": "env://A"},
		Cache: secrets.CacheConfig{
			TTL: duration(0), MaxStale: secrets.Duration(time.Hour), Timeout: secrets.Duration(time.Second),
			Idle: secrets.Duration(time.Minute), NegativeTTL: secrets.Duration(time.Second), MaxEntries: 7,
		},
		Refresh: "background",
	}
	for _, v := range []any{full, full.Cache} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			require.False(t, reflect.ValueOf(v).FieldByIndex(f.Index).IsZero(), "%s is not set in this test", f.Name)
		}
	}
	for _, marshal := range []func(any) ([]byte, error){yaml.Marshal, json.Marshal} {
		data, err := marshal(full)
		require.NoError(t, err)
		got, err := config.Parse(data, environment(nil))
		require.NoError(t, err)
		assert.Equal(t, full, got)
	}
}

func TestValuesHoldVariables(t *testing.T) {
	t.Parallel()
	variables := environment(map[string]string{"ENV": "prod", "EMPTY": "", "TTL": "90s", "N": "12", "URL": "file:///run/secrets", "TRICK": "x\"]\nrefresh: on_demand", "DOLLAR": "${ENV}"})
	for _, tc := range []struct{ name, value, want string }{
		{"a variable", "vault://secret/${ENV}", "vault://secret/prod"},
		{"two variables", "vault://${ENV}/${ENV}/x", "vault://prod/prod/x"},
		{"the whole value", "${URL}", "file:///run/secrets"},
		{"a default for an unset variable", "vault://secret/${NONE:-dev}", "vault://secret/dev"},
		{"a default for an empty variable", "vault://secret/${EMPTY:-dev}", "vault://secret/dev"},
		{"no default where the variable is set", "vault://secret/${ENV:-dev}", "vault://secret/prod"},
		{"an empty default", "vault://secret${NONE:-}", "vault://secret"},
		{"a set and empty variable", "vault://secret${EMPTY}", "vault://secret"},
		{"a default with a colon and a slash", "${NONE:-env://?prefix=APP_}", "env://?prefix=APP_"},
		{"an escaped one", "vault://secret/$${ENV}", "vault://secret/${ENV}"},
		{"an escaped one before another", "vault://$${ENV}/${ENV}", "vault://${ENV}/prod"},
		{"dollars alone", "vault://a$b/$$c", "vault://a$b/$$c"},
		{"what a variable holds is not expanded", "vault://${DOLLAR}", "vault://${ENV}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse([]byte("providers: ['"+tc.value+"']"), variables)
			require.NoError(t, err)
			assert.Equal(t, []string{tc.want}, cfg.Providers)
		})
	}
	t.Run("every kind of value", func(t *testing.T) {
		t.Parallel()
		cfg, err := config.Parse([]byte("references: {a: '${URL}/a'}\ncache: {ttl: '${TTL}', max_entries: '${N}'}\nrefresh: ${MODE:-on_demand}"), variables)
		require.NoError(t, err)
		assert.Equal(t, secrets.Config{
			References: map[string]string{"a": "file:///run/secrets/a"},
			Cache:      secrets.CacheConfig{TTL: duration(90 * time.Second), MaxEntries: 12},
			Refresh:    "on_demand",
		}, cfg)
	})
	t.Run("a variable cannot change the file's structure", func(t *testing.T) {
		t.Parallel()
		cfg, err := config.Parse([]byte(`providers: ["file://${TRICK}"]`), variables)
		require.NoError(t, err)
		assert.Equal(t, secrets.Config{Providers: []string{"file://x\"]\nrefresh: on_demand"}}, cfg)
	})
}

func TestAVariableIsNeverStructureOfAURI(t *testing.T) {
	t.Parallel()
	variables := environment(map[string]string{
		"ENV": "prod", "OPTION": "prod?perm=any", "FIELD": "db#password", "AND": "a&perm=any", "PERCENT": "a%2Fb", "UP": "../..", "DOT": ".", "DEEP": "a/../../etc",
		"PAIR": "perm=any", "BASE": "file:///run/secrets", "URI": "file:///run/secrets?perm=any", "SCHEME": "file", "SLASH": "eu/prod",
	})
	for _, c := range []struct{ value, want string }{
		{"file:///run/${OPTION}", "file:///run/prod%3Fperm=any"},
		{"file:///run/${FIELD}", "file:///run/db%23password"},
		{"env://?prefix=${AND}", "env://?prefix=a%26perm=any"},
		{"file:///run/${PERCENT}", "file:///run/a%252Fb"},
		{"file:///run/${SLASH}/db", "file:///run/eu/prod/db"},
		{"${BASE}/db", "file:///run/secrets/db"},
		{"${SCHEME}:///run", "file:///run"},
		{"${URI}", "file:///run/secrets?perm=any"},
		{"${NONE:-file:///run?perm=any}", "file:///run?perm=any"},
		{"file:///run/../secrets/${ENV}", "file:///run/../secrets/prod"},
		{"file:///run/${UP}/etc", ""},
		{"file:///run/${DEEP}", ""},
		{"file:///run/.${DOT}/etc", ""},
		{"file:///run/${DOT}${DOT}/etc", ""},
		{"file:///run?${PAIR}", ""},
	} {
		cfg, err := config.Parse([]byte("references: {a: '"+c.value+"'}"), variables)
		if c.want == "" {
			require.ErrorIs(t, err, secrets.ErrInvalid, c.value)
			assert.ErrorContains(t, err, "line 1: the reference of \"a\": a variable", c.value)
			continue
		}
		require.NoError(t, err, c.value)
		assert.Equal(t, c.want, cfg.References["a"], c.value)
		ref, err := secrets.ParseRef(c.want)
		require.NoError(t, err)
		if c.value == "file:///run/${OPTION}" {
			assert.Equal(t, secrets.Ref{Scheme: "file", Path: "/run/prod?perm=any"}, ref)
		}
	}
}

func TestYAMLsOwnMeansWork(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, data string }{
		{"block style", "providers:\n  - env://\n  - file:///run/secrets\n"},
		{"quotes", "\"providers\": ['env://', \"file:///run/secrets\"]\n"},
		{"an anchor and its alias", "providers: [env://, &f file:///run/secrets]\nreferences: {a/: *f}\n"},
		{"a document start and end", "---\nproviders: [env://, file:///run/secrets]\n...\n"},
		{"Windows line ends and a byte order mark", "\ufeffproviders:\r\n  - env://\r\n  - file:///run/secrets\r\n"},
		{"sections whose content is commented out", "providers: [env://, file:///run/secrets]\nreferences:\n# a: env://A\ncache:\n"},
		{"JSON", `{"providers": ["env://", "file:///run/secrets"]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse([]byte(tc.data), environment(nil))
			require.NoError(t, err)
			assert.Equal(t, []string{"env://", "file:///run/secrets"}, cfg.Providers)
		})
	}
}

func TestTheDefaultResolverReadsTheFileOfSecretsConfig(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "secrets", "db"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", "db", "password"), []byte("from the file\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets.yaml"), []byte("providers: ['env://?prefix=${PREFIX}', file://secrets]\nreferences: {key: env://OTHER_KEY}\n"), 0o600))
	t.Chdir(dir)
	t.Setenv("SECRETS_URL", "")
	t.Setenv("SECRETS_CONFIG", "secrets.yaml")
	t.Setenv("PREFIX", "APP_")
	t.Setenv("APP_API_TOKEN", "from the environment")
	t.Setenv("OTHER_KEY", "from the reference")
	t.Cleanup(func() {
		if r, err := secrets.Default(); err == nil {
			assert.NoError(t, r.Close())
		}
		secrets.SetDefault(nil)
	})
	for name, want := range map[string]string{"db/password": "from the file", "api/token": "from the environment", "key": "from the reference"} {
		s, err := secrets.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, want, s.Reveal())
	}
}

func TestAFileThatCannotBeReadIsAnErrorWithItsPath(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")
	_, err := config.Read(missing)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, secrets.ErrNotFound, "a missing configuration is no missing secret")
	assert.ErrorContains(t, err, missing)

	_, err = config.Read(dir)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, dir)

	held := "providers: [\"env://\"] # hunter2\n"
	_, err = config.Read(held)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	require.ErrorContains(t, err, "something that is no file name (32 bytes)")
	assert.NotContains(t, err.Error(), "hunter2", "the file itself in place of its name")

	public := filepath.Join(dir, "public.yaml")
	require.NoError(t, os.WriteFile(public, []byte("providers: [\"env://\"]\n"), 0o600))
	require.NoError(t, os.Chmod(public, 0o666))
	if runtime.GOOS != "windows" {
		_, err = config.Read(public)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "run chmod o-w")
	}

	large := filepath.Join(dir, "large.yaml")
	require.NoError(t, os.WriteFile(large, make([]byte, 2<<20), 0o600))
	_, err = config.Read(large)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "larger than")

	wrong := filepath.Join(dir, "wrong.yaml")
	require.NoError(t, os.WriteFile(wrong, []byte("provider: []\n"), 0o600))
	_, err = config.Read(wrong)
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, wrong+": invalid: line 1: unknown key \"provider\"")
}

func TestWhatIsNotLinkedOrKnownIsToldWhenTheConfigIsOpened(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, data, want string }{
		{"a backend that is not linked", "providers: [vault://secret]", `import _ "github.com/go-secrets/secrets/vault"`},
		{"a scheme that nobody knows", "providers: [vualt://secret]", `unknown scheme "vualt"`},
		{"an option that the backend does not know", "providers: [env://, 'file:///x?perms=any']", `"perms"`},
		{"a field on a provider", "providers: ['file:///x#y']", "#field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse([]byte(tc.data), environment(nil))
			require.NoError(t, err)
			_, err = secrets.OpenConfig(context.Background(), cfg)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}
