package secrets_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretstest"
)

func TestSecretIsRedacted(t *testing.T) {
	t.Parallel()
	s := secretstest.Value("x")
	const redacted = "[REDACTED]"
	assert.Equal(t, redacted, s.String())
	assert.Equal(t, redacted, fmt.Sprintf("%d", s))
	assert.Equal(t, redacted, fmt.Sprintf("%#v", s))
	assert.Equal(t, "{"+redacted+"}", fmt.Sprintf("%v", inField{s}))
	data, err := json.Marshal(inField{s})
	require.NoError(t, err)
	assert.Equal(t, `{"Password":"[REDACTED]"}`, string(data))
	data, err = yaml.Marshal(inField{s})
	require.NoError(t, err)
	assert.Equal(t, "password: '[REDACTED]'\n", string(data))
	assert.Equal(t, redacted, slog.AnyValue(s).Resolve().String())
	require.Error(t, gob.NewEncoder(new(bytes.Buffer)).Encode(inField{s}), "what can't be read back is not written")
	_, err = s.MarshalBinary()
	require.ErrorIs(t, err, secrets.ErrInvalid)
	require.ErrorIs(t, new(secrets.Secret).UnmarshalBinary(nil), secrets.ErrInvalid)
	assert.Equal(t, redacted, secrets.Secret{}.String(), "the zero Secret does not tell that it is empty")
}

func TestSecretIsReadFromConfiguration(t *testing.T) {
	t.Parallel()
	var fromJSON, fromYAML inField
	require.NoError(t, json.Unmarshal([]byte(`{"Password":"a\"b"}`), &fromJSON))
	secretstest.AssertEqual(t, `a"b`, fromJSON.Password)
	require.NoError(t, yaml.Unmarshal([]byte("password: one two\n"), &fromYAML))
	secretstest.AssertEqual(t, "one two", fromYAML.Password)

	for _, text := range []string{`{"Password":"[REDACTED]"}`, `{"Password":12345678}`, `{"Password":{"a":"12345678"}}`, `{"Password":["12345678"]}`} {
		err := json.Unmarshal([]byte(text), &inField{})
		require.Error(t, err, text)
		assert.NotContains(t, err.Error(), "12345678")
	}
	require.ErrorIs(t, yaml.Unmarshal([]byte("password: '[REDACTED]'\n"), &inField{}), secrets.ErrInvalid)
}

func TestSecretEqual(t *testing.T) {
	t.Parallel()
	a, b, c := secretstest.Value("one"), secretstest.Value("one"), secretstest.Value("two")
	assert.True(t, a.Equal(b))
	assert.False(t, a.Equal(c))
	assert.False(t, a.Equal(secretstest.Value("one ")))
	assert.True(t, secretstest.Value("").Equal(secrets.Secret{}), "both hold no bytes")
	assert.False(t, secretstest.Value("").IsZero())
	assert.True(t, secrets.Secret{}.IsZero())
	assert.True(t, cmp.Equal(inField{a}, inField{b}), "go-cmp compares with Equal")
	assert.False(t, cmp.Equal(inField{a}, inField{c}))
}

func TestTheZeroSecretAnswersEveryMethod(t *testing.T) {
	t.Parallel()
	var s secrets.Secret
	assert.Empty(t, s.Reveal())
	assert.Empty(t, s.Bytes())
	assert.Empty(t, s.Name())
	assert.Empty(t, s.Version())
	assert.True(t, s.FetchedAt().IsZero())
	assert.True(t, s.ExpiresAt().IsZero())
	_, ok := s.Previous()
	assert.False(t, ok)
	_, err := s.Field("a")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	require.ErrorIs(t, s.Decode(new(int)), secrets.ErrInvalid)
}

func TestBytesAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	s := secretstest.Value("one")
	b := s.Bytes()
	for i := range b {
		b[i] = 'x'
	}
	secretstest.AssertEqual(t, "one", s)
}

func TestSecretTellsWhereItIsFrom(t *testing.T) {
	t.Parallel()
	ends := time.Now().Add(time.Hour).Truncate(0)
	r, p := secretstest.New(t, nil)
	p.SetValue("db", secrets.Value{Data: []byte(`{"user":"app","password":"one"}`), Version: "v7", Expires: ends})
	before := time.Now()
	s, err := r.Get(t.Context(), "db#password")
	require.NoError(t, err)
	assert.Equal(t, "db#password", s.Name())
	assert.Equal(t, "v7", s.Version())
	assert.True(t, ends.Equal(s.ExpiresAt()))
	assert.WithinRange(t, s.FetchedAt(), before.Add(-time.Second), time.Now().Add(time.Second))

	document, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	user, err := document.Field("user")
	require.NoError(t, err)
	secretstest.AssertEqual(t, "app", user)
	assert.Equal(t, "db#user", user.Name())
	assert.Equal(t, "v7", user.Version())
}

func TestAVersionThatIsDerivedTellsNothingOfTheValue(t *testing.T) {
	t.Parallel()
	value := canary.New()
	r, p := secretstest.New(t, nil)
	p.SetValue("a", secrets.Value{Data: []byte(value)})
	p.SetValue("b", secrets.Value{Data: []byte(value)})
	s, err := r.Get(t.Context(), "a")
	require.NoError(t, err)
	require.NotEmpty(t, s.Version())
	for _, digest := range digestsOf(value) {
		assert.NotContains(t, s.Version(), fmt.Sprintf("%x", digest)[:8])
		assert.NotContains(t, s.Version(), base64.StdEncoding.EncodeToString(digest)[:8])
	}
	assert.Empty(t, canary.For(value).Printed(s.Version()))
}

func TestDecodeQuotesNothing(t *testing.T) {
	t.Parallel()
	value := canary.New()
	search := canary.For(value)
	for name, test := range map[string]struct {
		text string
		dst  any
	}{
		"text":               {value, new(any)},
		"cut short":          {`{"a":"` + value, new(any)},
		"text into a number": {`{"a":"` + value + `"}`, &struct{ A int }{}},
		"a number too large": {`{"a":1` + strings.Repeat("0", 400) + `}`, &struct{ A float64 }{}},
		"a string option": {`{"a":"` + value + `"}`, &struct {
			A int `json:",string"`
		}{}},
		"a key that is no number":      {`{"` + value + `":1}`, &map[int]int{}},
		"bytes that are no base64":     {`"` + value + `!"`, &[]byte{}},
		"a time":                       {`"` + value + `"`, &time.Time{}},
		"a type that quotes its input": {`"` + value + `"`, new(quoting)},
		"JSON that quotes its input":   {`"` + value + `"`, new(quotingJSON)},
		"no pointer":                   {`"` + value + `"`, ""},
		"nil":                          {`"` + value + `"`, nil},
		"a nil pointer":                {`"` + value + `"`, (*string)(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := secretstest.Value(test.text).Decode(test.dst)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, search.Error(err))
			assert.NotContains(t, err.Error(), "0000000000")
		})
	}
}

// quoting is a type whose errors quote what they are given.
type quoting string

func (*quoting) UnmarshalText(text []byte) error { return fmt.Errorf("can't use %q", text) }

type quotingJSON string

func (*quotingJSON) UnmarshalJSON(text []byte) error { return fmt.Errorf("can't use %s", text) }

func digestsOf(s string) [][]byte {
	md, s1, s256, s512 := md5.Sum([]byte(s)), sha1.Sum([]byte(s)), sha256.Sum256([]byte(s)), sha512.Sum512([]byte(s))
	return [][]byte{md[:], s1[:], s256[:], s512[:]}
}

func FuzzSecret(f *testing.F) {
	const hidden = "S3cr3t!Cnry"
	for _, text := range []string{
		`{"a":"§","b":{"c":["§",{"d":"§"}]}}`, `{"a":"§`, `{"a":§}`, `["§"]`, `§`, `{"a":1e999,"b":"\ud800"}`, "{\"a\":\"\xff§\"}", ` {}`, `{"a":null}`, `{"§":{"A":"x"}}`,
	} {
		for _, key := range []string{"a", "/b/c/1/d", "//", "x"} {
			f.Add(strings.ReplaceAll(text, "§", hidden), key)
		}
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		if strings.Contains(key, hidden) {
			return // a key is no secret, and is named
		}
		quiet := func(err error) {
			if err != nil && strings.Contains(err.Error(), hidden) {
				t.Errorf("the error for key %q of %q quotes the value", key, text)
			}
		}
		s := secretstest.Value(text)
		field, err := s.Field(key)
		quiet(err)
		if err == nil {
			_, err = field.Field("/x")
			quiet(err)
		} else if !errors.Is(err, secrets.ErrNotFound) {
			require.ErrorIs(t, err, secrets.ErrInvalid)
		}
		var number struct{ A, B int }
		var list []string
		quiet(s.Decode(&number))
		quiet(s.Decode(&list))
		quiet(s.Decode(nil))
	})
}
