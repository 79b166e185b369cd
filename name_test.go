package secrets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNameJoinsParts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parts []string
		want  string
	}{
		{[]string{"db"}, "db"},
		{[]string{"tenants", "acme", "db"}, "tenants/acme/db"},
		{[]string{"a.b", "..c", "...", " ", "ü", "%2F", "?", ":"}, "a.b/..c/.../ /ü/%2F/?/:"},
	} {
		got, err := Name(test.parts...)
		require.NoError(t, err)
		assert.Equal(t, test.want, got)
	}
}

func TestNameRefusesInputThatWouldLeadElsewhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		parts []string
		says  string
	}{
		{"no parts", nil, "no parts"},
		{"an empty part", []string{"a", "", "b"}, "part 2 is empty"},
		{"a dot", []string{"."}, "part 1 is ."},
		{"two dots", []string{"a", ".."}, "part 2 is .."},
		{"a slash", []string{"a", "b/c"}, "part 2 holds a slash"},
		{"a field", []string{"a", "b#c"}, "part 2 holds a slash or a #"},
		{"a NUL byte", []string{"a\x00"}, "part 1 holds a NUL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Name(test.parts...)
			require.ErrorIs(t, err, ErrInvalid)
			assert.Contains(t, err.Error(), test.says)
		})
	}
}

func TestSplitName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, path, field string }{
		{"db", "db", ""},
		{"db/password", "db/password", ""},
		{"db#password", "db", "password"},
		{"db#/users/0", "db", "/users/0"},
		{"a/b#c#d/e", "a/b", "c#d/e"},
		{"what?is=literal%20:here", "what?is=literal%20:here", ""},
		{"...", "...", ""},
	} {
		path, field, err := splitName(test.in)
		require.NoError(t, err, test.in)
		assert.Equal(t, [2]string{test.path, test.field}, [2]string{path, field}, test.in)
	}
}

func TestSplitNameRefuses(t *testing.T) {
	t.Parallel()
	for in, says := range map[string]string{
		"":          "empty",
		"#field":    "empty",
		"db#":       "no field after",
		"/db":       "drop it",
		"/":         "drop it",
		"db/":       "segment of the name is empty",
		"a//b":      "segment of the name is empty",
		"./a":       "is .",
		"a/..":      "is ..",
		"../a":      "is ..",
		"a/../b#c":  "is ..",
		"a\x00":     "NUL",
		"a#b\x00":   "NUL",
		"a/b\x00/c": "NUL",
	} {
		_, _, err := splitName(in)
		require.ErrorIs(t, err, ErrInvalid, "%q", in)
		assert.Contains(t, err.Error(), says, "%q", in)
	}
}

func TestParentOf(t *testing.T) {
	t.Parallel()
	parent, last, ok := parentOf("a/b/c")
	assert.Equal(t, [2]string{"a/b", "c"}, [2]string{parent, last})
	assert.True(t, ok)
	_, _, ok = parentOf("a")
	assert.False(t, ok)
}

func FuzzName(f *testing.F) {
	const canary = "S3cr3t!Cnry"
	for _, seed := range []string{"db", "db/password", "db#password", "a/../b", "/a", "a//b", "a\x00", "#", "a#/b/0", "..", "a/" + canary + "/..", canary + "/", canary + "#"} {
		f.Add(seed, "part")
		f.Add("part", seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		path, field, err := splitName(a)
		if err == nil {
			for segment := range strings.SplitSeq(path, "/") {
				if segment == "" || segment == "." || segment == ".." || strings.ContainsAny(segment, "\x00#") {
					t.Errorf("%q is accepted, with the segment %q", a, segment)
				}
			}
			if field != "" {
				path += "#" + field
			}
			if path != a {
				t.Errorf("%q is split into what makes %q", a, path)
			}
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("the error of %q quotes it", a)
		}

		joined, err := Name(a, b)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error of %q and %q quotes them", a, b)
			}
			return
		}
		// Parts come back as they were put in: none has become a folder, a
		// field or nothing.
		path, field, err = splitName(joined)
		require.NoError(t, err)
		if parent, last, _ := parentOf(path); field != "" || parent != a || last != b {
			t.Errorf("the parts %q and %q make the name %q", a, b, joined)
		}
	})
}
