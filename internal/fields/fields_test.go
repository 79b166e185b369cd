package fields_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/fields"
)

func isMissing(t *testing.T, err error, key string) {
	t.Helper()
	var e *fields.Error
	if assert.ErrorAs(t, err, &e, "%q", key) {
		assert.True(t, e.Missing, "%q: %v", key, err)
	}
}

func isMalformed(t *testing.T, err error) {
	t.Helper()
	var e *fields.Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Missing, "%v", err)
}

func TestFieldsOfAnObject(t *testing.T) {
	t.Parallel()
	o, err := fields.Parse(" \r\n\t" + `{
		"user": "app", "tls.crt": "PEM", "empty": "", "n": 12345678901234567890.50, "e": 1E+2, "yes": true, "no": null,
		"quoted": "a\"b\\c\u00e9\n", "list": [1, "two", {"three": 3}, [4]], "inner": {"a b": {"": "deep"}},
		"a/b": "slash", "m~n": "tilde", "~1": "tilde one", "/abs": "literal", "": "no key", "same": 1, "same": "last"
	}`)
	require.NoError(t, err)
	for key, want := range map[string]string{
		"user":          "app",
		"tls.crt":       "PEM",
		"empty":         "",
		"n":             "12345678901234567890.50",
		"e":             "1E+2",
		"yes":           "true",
		"quoted":        "a\"b\\cé\n",
		"list":          `[1,"two",{"three":3},[4]]`,
		"inner":         `{"a b":{"":"deep"}}`,
		"a/b":           "slash",
		"":              "no key",
		"same":          "last",
		"/user":         "app",
		"/list/0":       "1",
		"/list/1":       "two",
		"/list/2/three": "3",
		"/list/3/0":     "4",
		"/inner/a b":    `{"":"deep"}`,
		"/inner/a b/":   "deep",
		"/a~1b":         "slash",
		"/m~0n":         "tilde",
		"/~01":          "tilde one",
		"/abs":          "literal", // the member of that key comes before the pointer
		"/":             "no key",
		"/tls.crt":      "PEM",
	} {
		got, err := o.Field(key)
		if assert.NoError(t, err, "%q", key) {
			assert.Equal(t, want, got, "%q", key)
		}
	}
	for _, key := range []string{
		"User", "password", "list/0", "no", "/no", "/no/x", "/password", "/user/0", "/list/4", "/list/-1", "/list/-", "/list/+1", "/list/01", "/list/1e0",
		"/list/ 1", "/list/", "/list/99999999999999999999", "/list/2/four", "/inner/x", "/inner/a b/x", "//", "/n/0", "/yes/x",
	} {
		_, err := o.Field(key)
		isMissing(t, err, key)
	}
	_, err = o.Member("/user")
	isMissing(t, err, "/user") // a member is looked for by its key alone
	_, err = o.Member("user")
	assert.NoError(t, err)
}

func TestWhatIsNoObjectHasNoFields(t *testing.T) {
	t.Parallel()
	const canary = "S3cr3t!Cnry"
	for name, text := range map[string]string{
		"nothing":                "",
		"blanks":                 " \n",
		"text":                   canary,
		"a string":               `"` + canary + `"`,
		"a list":                 `["` + canary + `"]`,
		"null":                   "null",
		"a number":               "12345",
		"an object cut short":    `{"a":"` + canary,
		"an object and more":     `{"a":"` + canary + `"} ` + canary,
		"two objects":            `{"a":"` + canary + `"}{}`,
		"a comma too many":       `{"a":"` + canary + `",}`,
		"a key without quotes":   `{` + canary + `:1}`,
		"a control character":    "{\"a\":\"" + canary + "\n\"}",
		"an escape that is none": `{"a":"\` + canary + `"}`,
		"two byte order marks":   "\ufeff\ufeff{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fields.Parse(text)
			isMalformed(t, err)
			assert.NotContains(t, err.Error(), canary)
		})
	}
}

func TestAFieldThatIsNoUTF8IsNotReplacedInSilence(t *testing.T) {
	t.Parallel()
	o, err := fields.Parse("{\"latin1\":\"p\xe4ss\",\"fine\":\"ok\"}")
	require.NoError(t, err)
	_, err = o.Field("latin1")
	isMalformed(t, err)
	got, err := o.Field("fine")
	require.NoError(t, err)
	assert.Equal(t, "ok", got)
}

func TestAKeyIsQuotedAndBounded(t *testing.T) {
	t.Parallel()
	o, err := fields.Parse(`{"null":null}`)
	require.NoError(t, err)
	for key, says := range map[string]string{
		"a\nb":                   `the document has no field "a\nb"`,
		"":                       `the document has no field ""`,
		"/a/b":                   `the document has nothing at "/a/b"`,
		"null":                   "the field is null",
		strings.Repeat("k", 300): `the document has no field "` + strings.Repeat("k", 200) + `…"`,
		strings.Repeat("/", 65):  "a JSON pointer has at most 64 tokens",
	} {
		_, err := o.Field(key)
		assert.EqualError(t, err, says)
	}
}

func FuzzField(f *testing.F) {
	const canary = "S3cr3t!Cnry"
	for _, text := range []string{
		`{"a":"§","b":{"c":["§",{"d":"§"}]},"a/b":1,"m~n":2,"":3}`, `{"a":"§`, `{"a":§}`, `["§"]`, `§`, `{"a":1e999,"b":"\ud800","c":"\u0000"}`, "{\"a\":\"\xff§\"}", ` {}`, `{"a":null}`,
	} {
		for _, key := range []string{"a", "/a", "/b/c/0", "/b/c/1/d", "/a~1b", "/m~0n", "/", "//", "", "/b/c/-", "/b/c/00", "x"} {
			f.Add(strings.ReplaceAll(text, "§", canary), key)
		}
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		if strings.Contains(key, canary) {
			return // a key is no secret, and is named
		}
		quiet := func(err error) {
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error for key %q of %q quotes the value", key, text)
			}
		}
		o, err := fields.Parse(text)
		quiet(err)
		if err != nil {
			return
		}
		text = strings.TrimPrefix(text, fields.ByteOrderMark)
		require.True(t, json.Valid([]byte(text)), "fields of what is no JSON")
		got, err := o.Field(key)
		quiet(err)
		if err == nil {
			// A field that is an object or a list is JSON itself.
			if got != "" && (got[0] == '{' || got[0] == '[') {
				inner, err := fields.Parse(got)
				quiet(err)
				_, err = inner.Field("/x")
				quiet(err)
			}
			var object map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(text), &object))
			var want string
			if raw := object[key]; len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &want) == nil {
				require.Equal(t, want, got)
			}
		}
	})
}
