package config_test

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/config"
)

// Each input holds the canary where a credential could have got to.
const canary = "hunter2-c4n4ry"

var malformed = []struct {
	name, data string
	want       []string
}{
	{"an empty file", "", []string{"line 1: the file is empty"}},
	{"a file of comments", "# providers: [env://]\n", []string{"line 1: the file is empty"}},
	{"an empty mapping", "{}", []string{"neither providers nor references"}},
	{"no providers in the list", "providers: []\nrefresh: background", []string{"neither providers nor references"}},
	{"a file that is one value", canary, []string{"line 1: the file is a mapping of keys to values, and this is a single value"}},
	{"a file that is a list", "- " + canary, []string{"line 1: the file is a mapping of keys to values, and this is a list"}},
	{"broken YAML", "providers:\n  - env://\n - " + canary, []string{"line 2: around here this is no YAML: did not find expected key"}},
	{"a tab as indentation", "cache:\n\tttl: " + canary, []string{"line 2: around here this is no YAML: found character that cannot start any token"}},
	{"an open quote", "providers: [\"" + canary + "]", []string{"around here this is no YAML"}},
	{"an anchor that is nowhere", "providers: *" + canary, []string{"this is no YAML: unknown anchor"}},
	{"bytes that are no UTF-8", "providers: [\xff\xfe" + canary + "]", []string{"around here this is no YAML"}},
	{"a second document", "providers: [env://]\n---\nproviders: [" + canary + "]", []string{"line 2: the file has a second YAML document"}},
	{"a broken second document", "providers: [env://]\n---\n\"" + canary, []string{"around here this is no YAML"}},
	{"an unknown key", "providers: [env://]\nprovider: " + canary, []string{`line 2: unknown key "provider" (the file knows cache, providers, references, refresh)`}},
	{"an unknown key below cache", "providers: [env://]\ncache:\n  ttl: 5m\n  max-stale: " + canary, []string{`line 4: unknown key "max-stale" (cache knows`}},
	{"a URI as a key", "vault://u:" + canary + "@h/x: [env://]", []string{"line 1: unknown key (the file knows"}},
	{"a merge key", "<<: {providers: [" + canary + "]}", []string{"line 1: a merge key (<<) is not read here"}},
	{"a key that is a list", "[" + canary + "]: x", []string{"line 1: a key of the file is a list, and must be text"}},
	{"a key given twice", "providers: [env://]\nrefresh: background\nproviders: [" + canary + "]", []string{`line 3: the key "providers" is given twice, first on line 1`}},
	{"a name given twice", "references:\n  a: env://A\n  b: env://B\n  a: env://" + canary, []string{`line 4: the key "a" is given twice, first on line 2`}},
	{"providers that are one value", "providers: env://" + canary, []string{"line 1: providers is a list of URIs", "and this is a single value"}},
	{"providers that are a mapping", "providers: {env: " + canary + "}", []string{"line 1: providers is a list of URIs", "and this is a mapping"}},
	{"a provider that is a mapping", "providers:\n  - env://\n  - file: " + canary, []string{"line 3: provider 2 is one value, and this is a mapping"}},
	{"a provider that is empty", "providers:\n  - env://\n  -\n", []string{"line 3: provider 2 has no value"}},
	{"a provider that is no URI", "providers: [env://, /etc/" + canary + "]", []string{"line 1: provider 2: a reference reads scheme://path", "has no ://"}},
	{"several URIs in one provider", "providers: ['env:// file:///" + canary + "']", []string{"line 1: provider 1 holds several URIs; want one"}},
	{"a credential in a provider", "providers:\n  - https://user:" + canary + "@vault.example.com/x", []string{"line 2: provider 1: https:// holds what looks like user:password@"}},
	{"a credential as an option", "providers:\n  - vault://secret?token=" + canary, []string{"line 2: provider 1: vault:// option token is a credential"}},
	{"an option given twice", "providers: ['env://?prefix=A&prefix=" + canary + "']", []string{"option prefix is given twice"}},
	{"a broken escape", "providers: ['file:///%zz" + canary + "']", []string{"line 1: provider 1: file:// path: has a %"}},
	{"references that are a list", "references: [" + canary + "]", []string{"line 1: references is a mapping of keys to values, and this is a list"}},
	{"a reference that is a list", "references: {a: [" + canary + "]}", []string{`line 1: the reference of "a" is one value, and this is a list`}},
	{"a reference that is empty", "references:\n  a:\n", []string{`line 2: the reference of "a" has no value`}},
	{"a reference that is no URI", "references: {a: " + canary + "}", []string{`line 1: the reference of "a": a reference reads scheme://path`}},
	{"names and references swapped", "references:\n  vault://u:" + canary + "@h: a", []string{"line 2: a key of references is a name"}},
	{"a name that starts with a slash", "references: {/a: env://A}", []string{"line 1: a key of references is a name"}},
	{"a name that leads upwards", "references: {a/../b: env://A}", []string{"line 1: a key of references is a name"}},
	{"a name with a field", "references: {'a#b': env://A}", []string{"line 1: a key of references is a name"}},
	{"a name that is empty", "references: {'': env://A}", []string{"line 1: a key of references is a name"}},
	{"a duration without a unit", "providers: [env://]\ncache: {ttl: 5}", []string{"line 2: ttl is a duration with a unit, like 30s, 5m or 24h"}},
	{"a duration that is text", "providers: [env://]\ncache: {ttl: " + canary + "}", []string{"line 2: ttl is a duration with a unit"}},
	{"a duration that is negative", "providers: [env://]\ncache:\n  max_stale: -5m", []string{"line 3: max_stale is negative"}},
	{"a duration of zero, where there is no such thing", "providers: [env://]\ncache: {timeout: 0s}", []string{"line 2: timeout must be more than 0"}},
	{"a duration that is empty", "providers: [env://]\ncache:\n  ttl:\n", []string{"line 3: ttl has no value"}},
	{"a duration that is too large", "providers: [env://]\ncache: {ttl: 999999999h}", []string{"line 2: ttl is a duration"}},
	{"a number of entries that is none", "providers: [env://]\ncache: {max_entries: " + canary + "}", []string{"line 2: max_entries is a whole number of at least 1"}},
	{"a number of entries of zero", "providers: [env://]\ncache: {max_entries: 0}", []string{"line 2: max_entries is a whole number of at least 1"}},
	{"cache that is a value", "providers: [env://]\ncache: " + canary, []string{"line 2: cache is a mapping of keys to values, and this is a single value"}},
	{"an unknown way to refresh", "providers: [env://]\nrefresh: " + canary, []string{"line 2: refresh is background or on_demand"}},
	{"a variable that is not set", "providers:\n  - vault://secret/${APP_ENV}", []string{"line 2: provider 1: the variable APP_ENV is not set, and has no default (${APP_ENV:-…})"}},
	{"a variable that is not closed", "providers: ['vault://${" + canary + "']", []string{"line 1: provider 1: a ${ has no } after it"}},
	{"a variable whose name is none", "providers: ['vault://${" + canary + " x}']", []string{"line 1: provider 1: what stands in ${…} is a variable's name, or name:-default"}},
	{"a variable without a name", "providers: ['vault://${}']", []string{"line 1: provider 1: what stands in ${…} is a variable's name, or name:-default"}},
	{"another of the shell's forms", "providers: ['vault://${A:?" + canary + "}']", []string{"line 1: provider 1: what stands in ${…} is a variable's name, or name:-default"}},
	{"a variable in a default", "providers: ['vault://${A:-${B:-" + canary + "}}']", []string{"line 1: provider 1: the default of ${A} holds another ${"}},
	{"a variable that holds no duration", "providers: [env://]\ncache: {ttl: '${CANARY}'}", []string{"line 2: ttl is a duration with a unit"}},
	{"a variable that holds no URI", "providers: ['${CANARY}']", []string{"line 1: provider 1: a reference reads scheme://path"}},
	{"a merge key", "base: &b {ttl: 5m}\nproviders: [env://]\ncache: {<<: *b}", []string{"line 3: a merge key (<<) is not read here"}},
	{"a variable in a key", "references: {'${ENV}/db': env://A}", []string{"line 1: a key of references holds ${…}, which is replaced in values only"}},
	{"a version that the parser does not read", "%YAML 1.3\n---\nproviders: [env://]", []string{"line 1: the %YAML line names a version"}},
	{"another directive", "%TAG\n---\nproviders: [env://]", []string{"line 1"}},
	{"several mistakes, told in the order of their lines", "refresh: x\nproviders: [y]\ncache: {ttl: z}\nmore: " + canary,
		[]string{"line 1: refresh is", "\nline 2: provider 1", "\nline 3: ttl", "\nline 4: unknown key \"more\""}},
}

var anyLine = regexp.MustCompile(`line (\d+): `)

func TestMalformedInputIsRefusedWithItsLineAndWithoutItsContent(t *testing.T) {
	t.Parallel()
	lookup := environment(map[string]string{"CANARY": canary})
	for _, tc := range malformed {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse([]byte(tc.data), lookup)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Zero(t, cfg)
			for _, want := range tc.want {
				assert.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), canary)
			var e *secrets.Error
			require.True(t, errors.As(err, &e))
			assert.Equal(t, "parse configuration", e.Op)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, tc := range malformed {
		f.Add([]byte(tc.data))
	}
	f.Add([]byte("providers: [\"env://\", 'vault://secret/${APP_ENV:-dev}']\nreferences: {legacy/: ssm:///legacy}\ncache: {ttl: 5m}\nrefresh: on_demand\n"))
	lookup := environment(map[string]string{"CANARY": canary})
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse(data, lookup)
		if err == nil {
			if len(cfg.Providers) == 0 && len(cfg.References) == 0 {
				t.Fatal("a configuration that says nothing was accepted")
			}
			return
		}
		if !errors.Is(err, secrets.ErrInvalid) {
			t.Fatalf("an error of another class: %v", err)
		}
		if strings.Contains(err.Error(), canary) && !strings.Contains(string(data), canary) {
			t.Fatal("the error holds what a variable holds")
		}
		m := anyLine.FindStringSubmatch(err.Error())
		if m == nil {
			t.Fatalf("an error without a line: %v", err)
		}
		if n, _ := strconv.Atoi(m[1]); n < 1 || n > len(data)+1 {
			t.Fatalf("an error on line %d of %d bytes", n, len(data))
		}
	})
}
