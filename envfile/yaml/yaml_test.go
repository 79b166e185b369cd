package yaml_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/envfile"
	_ "github.com/go-secrets/secrets/envfile/yaml"
)

// Each malformed input holds the canary where a credential could have got to.
const canary = "hunter2-c4n4ry"

// read has a file of that text read as YAML.
func read(t testing.TB, text string, o envfile.DirOptions) (string, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "db"), []byte(text), 0o600))
	o.Format = envfile.FormatYAML
	v, err := envfile.NewDir(dir, o).Fetch(t.Context(), secrets.Ref{Path: "db"})
	return string(v.Data), err
}

func TestAFileInYAMLIsADocumentWithFields(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "db"), []byte("# the database\nuser: app\npassword: 0123\nport: 5432\ntls:\n  ca: |\n    one\n    two\nhosts: [a, b]\n"), 0o600))
	r, err := secrets.Open(t.Context(), "file://"+dir+"?format=yaml", secrets.WithLogger(nil))
	require.NoError(t, err)
	defer r.Close()
	for name, want := range map[string]string{"db/user": "app", "db#password": "0123", "db#port": "5432", "db#/tls/ca": "one\ntwo\n", "db#/hosts/1": "b"} {
		s, err := r.Get(t.Context(), name)
		require.NoError(t, err, name)
		assert.Equal(t, want, s.Reveal(), name)
	}
	s, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	var db struct {
		User, Password string
		Port           int
	}
	require.NoError(t, s.Decode(&db))
	assert.Equal(t, 5432, db.Port)
	assert.Equal(t, "0123", db.Password)
}

func TestValuesStayAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0008": `"0008"`, "02142": `"02142"`, "00": `"00"`, "0510210600": `"0510210600"`, "0b11": `"0b11"`,
		"0123": `"0123"`, "0o17": `"0o17"`, "0x1F": `"0x1F"`, "1_000": `"1_000"`, "+1": `"+1"`, ".5": `".5"`, "1.": `"1."`, ".inf": `".inf"`, "1:30": `"1:30"`,
		"12345678901234567890123": "12345678901234567890123", "-1.50e+3": "-1.50e+3", "'1'": `"1"`, "!!str 1": `"1"`,
		"true": "true", "True": `"True"`, "yes": `"yes"`, "on": `"on"`, "'true'": `"true"`,
		"null": "null", "~": "null", "": "null", "Null": "null", "'null'": `"null"`,
		"2026-01-31": `"2026-01-31"`, "=": `"="`, "a<b>&c": `"a<b>&c"`, `"\x00\u2028"`: "\"\\u0000\\u2028\"", "<<": `"<<"`,
		"[1, x, {y: z}]": `[1,"x",{"y":"z"}]`, "{}": "{}", "[]": "[]", "|\n  two\n  lines": `"two\nlines"`, ">-\n  folded\n  text": `"folded text"`,
	} {
		got, err := read(t, "v: "+text+"\n", envfile.DirOptions{})
		require.NoError(t, err, text)
		assert.Equal(t, `{"v":`+want+`}`, got, text)
		assert.True(t, json.Valid([]byte(got)))
	}
	for text, want := range map[string]string{
		"\ufeffa: b":                 `{"a":"b"}`,
		"%YAML 1.1\n---\na: b\n":     `{"a":"b"}`,
		"---\na: b\n...\n":           `{"a":"b"}`,
		"- a\n- b":                   `["a","b"]`,
		"base: &b {c: d}\nmore: *b":  `{"base":{"c":"d"},"more":{"c":"d"}}`,
		"1: a\ntrue: b":              `{"1":"a","true":"b"}`,
		"${HOME}: ${HOME}":           `{"${HOME}":"${HOME}"}`,
		`{"json": [1.0, "x", null]}`: `{"json":[1.0,"x",null]}`,
		"a: b\r\nc: d\r\n":           `{"a":"b","c":"d"}`,
		"&k key: v\nother: {*k : w}": `{"key":"v","other":{"key":"w"}}`,
	} {
		got, err := read(t, text, envfile.DirOptions{})
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

var malformed = []struct{ name, text, want string }{
	{"an empty file", "", "line 1: the file is empty"},
	{"comments only", "# " + canary, "line 1: the file is empty"},
	{"one value", canary, "line 1: the file is a single value; without the option format it is read as the text that it is"},
	{"broken YAML", "a:\n  - b\n - " + canary, "around here this is no YAML"},
	{"bytes that are no UTF-8", "a: \xff" + canary, "around here this is no YAML"},
	{"an anchor that is nowhere", "a: *" + canary, "no YAML: unknown anchor"},
	{"a second document", "a: b\n---\nc: " + canary, "the file has a second YAML document"},
	{"a version", "%YAML 1.3\n---\na: " + canary, "line 1: the %YAML line names a version that is not read"},
	{"a merge key", "base: &b {p: " + canary + "}\ndb:\n  <<: *b", "line 3: a merge key (<<) is not read here; write out the keys that it would merge"},
	{"a key given twice", "a: 1\nb: 2\na: " + canary, "line 3: a key is given twice, first on line 1"},
	{"a key given twice in other words", "a: 1\n\"\\x61\": " + canary, "line 2: a key is given twice, first on line 1"},
	{"a key that is a list", "? [" + canary + "]\n: x", "a key is a list, and must be text"},
	{"a key that is nothing", "~: " + canary, "line 1: a key is empty, and must be text"},
	{"a tag", "a: !vault " + canary, "line 1: a tag (!) is not read here; write the value as text"},
	{"a binary value", "a: !!binary aHVudGVyMg==", "line 1: a tag (!) is not read here; write the value as text"},
	{"a tag of a key", "!!binary aGk=: x", "line 1: a tag (!) is not read here; write the key as text"},
	{"an alias for what it is in", "a: &a\n  b: *a", "line 2: the file has more than 100 levels"},
	{"more than 100 levels", "a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "line 1: the file has more than 100 levels"},
	{"100,000 levels", "a: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "no YAML: exceeded max depth"},
}

func TestWhatIsNotReadIsRefusedWithItsLineAndWithoutItsContent(t *testing.T) {
	t.Parallel()
	for _, tc := range malformed {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, tc.text, envfile.DirOptions{})
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "panic")
		})
	}
}

// laughs is a document of some bytes that stands for 10 to the power of levels
// words.
func laughs(levels int, empty bool) string {
	word := "ha"
	if empty {
		word = "[]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "l0: &l0 [%s]\n", strings.TrimSuffix(strings.Repeat(word+",", 10), ","))
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d,", i-1), 10), ","))
	}
	return b.String()
}

func TestABillionLaughsCostNothing(t *testing.T) {
	for _, empty := range []bool{false, true} {
		text := laughs(30, empty)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := read(t, text, envfile.DirOptions{})
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "with its aliases written out the document is larger than 1048576 bytes; option max allows for more")
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "bytes allocated")
		t.Logf("%d bytes: %v, %d kB", len(text), time.Since(start), (after.TotalAlloc-before.TotalAlloc)>>10)
	}
	got, err := read(t, laughs(2, false), envfile.DirOptions{})
	require.NoError(t, err)
	assert.Equal(t, 10*(1+10+100), strings.Count(got, "ha"))
	got, err = read(t, "base: &b {name: app, port: 5432}\nall: ["+strings.Repeat("*b, ", 20_000)+"]\n", envfile.DirOptions{})
	require.NoError(t, err, "many aliases are no attack")
	assert.Equal(t, 20_001, strings.Count(got, "5432"))
	_, err = read(t, laughs(2, false), envfile.DirOptions{MaxSize: 2000})
	assert.ErrorContains(t, err, "larger than 2000 bytes")
}

func TestAURIMayAskForYAML(t *testing.T) {
	t.Parallel()
	_, err := secrets.Open(context.Background(), "file:///etc/app?format=yml")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "json, dotenv, lines or yaml")
}

// BenchmarkYAML shows that the time is linear in the length.
func BenchmarkYAML(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		var text strings.Builder
		for i := 0; text.Len() < n; i++ {
			fmt.Fprintf(&text, "key%d: {a: [1, two, \"three\"], b: 'x'}\n", i)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				_, err := read(b, text.String(), envfile.DirOptions{})
				require.NoError(b, err)
			}
		})
	}
}

func FuzzYAML(f *testing.F) {
	for _, tc := range malformed {
		if len(tc.text) < 10_000 {
			f.Add(tc.text)
		}
	}
	f.Add(laughs(12, true))
	f.Add("user: app\npassword: &p 0123\nport: 5432\ntls: {ca: |\n  x}\nhosts: [a, *p]\n")
	dir := f.TempDir()
	p := envfile.NewDir(dir, envfile.DirOptions{Format: envfile.FormatYAML, MaxSize: 1 << 16})
	f.Fuzz(func(t *testing.T, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "db"), []byte(text), 0o600))
		v, err := p.Fetch(t.Context(), secrets.Ref{Path: "db"})
		if err != nil {
			if !errors.Is(err, secrets.ErrInvalid) {
				t.Fatalf("an error of another class: %v", err)
			}
			return
		}
		if !json.Valid(v.Data) {
			t.Fatalf("%q became no JSON: %s", text, v.Data)
		}
	})
}
