package binding

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretstest"
)

type (
	limits   struct{ Max int }
	withBase struct {
		limits
		Port int `json:"port"`
	}
	// pathQuoting has its own error of encoding/json tell a path that it made.
	pathQuoting struct{}
)

func (p *pathQuoting) UnmarshalJSON(text []byte) error {
	typ := &json.UnmarshalTypeError{Value: string(text), Field: string(text), Struct: string(text)}
	var number int
	if err := json.Unmarshal(text, &number); err != nil {
		var e *json.UnmarshalTypeError
		if errors.As(err, &e) {
			typ.Type = e.Type
		}
	}
	return typ
}

// Keys of a map are data: encoding/json puts them into the path that its error
// tells, since Go 1.27 all of them.
func TestDecodeTellsOnlyNamesThatTheProgramDeclares(t *testing.T) {
	t.Parallel()
	c := canary.New()
	search := canary.For(c)
	for what, test := range map[string]struct {
		text string
		dst  any
	}{
		"a key of a map":                            {`{"` + c + `":"x"}`, &map[string]int{}},
		"a key of a map in a map":                   {`{"a":{"` + c + `":"x"}}`, &map[string]map[string]int{}},
		"a key of a map in a struct":                {`{"limits":{"` + c + `":"x"}}`, &struct{ Limits map[string]int }{}},
		"a key of a map in a list":                  {`[{"` + c + `":"x"}]`, &[]map[string]int{}},
		"a key above a struct":                      {`{"` + c + `":{"max":"x"}}`, &map[string]limits{}},
		"a key with dots in it":                     {`{"max.` + c + `":"x"}`, &map[string]int{}},
		"a key like a field, and one more":          {`{"limits":{"max.` + c + `":"x"}}`, &struct{ Limits map[string]int }{}},
		"a key of numbers":                          {`{"` + c + `":1}`, &map[int]int{}},
		"the key of a value that is no struct":      {`{"port":{"` + c + `":1}}`, &struct{ Port int }{}},
		"the path of an error of encoding/json":     {`"` + c + `"`, &pathQuoting{}},
		"the path of one in a field":                {`{"inner":"` + c + `"}`, &struct{ Inner pathQuoting }{}},
		"the path of one below a map and a pointer": {`{"k":"` + c + `"}`, &map[string]*pathQuoting{}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			err := secretstest.Value(test.text).Decode(test.dst)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Empty(t, search.Error(err))
		})
	}
}

func TestDecodeNamesTheFieldAsTheProgramSpellsIt(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		text, want string
		dst        any
	}{
		"by its Go name":        {`{"MAX":"x"}`, `at field "Max" does not`, &limits{}},
		"by its tag":            {`{"Port":"x"}`, `at field "port" does not`, &withBase{}},
		"in a struct":           {`{"inner":{"max":"x"}}`, `at field "Inner.Max" does not`, &struct{ Inner *limits }{}},
		"promoted":              {`{"max":"x"}`, `Max" does not`, &withBase{}},
		"as far as it goes":     {`{"inner":{"one":"x"}}`, `in field "Inner" does not`, &struct{ Inner map[string]int }{}},
		"by no name in a map":   {`{"one":"x"}`, `at byte `, &map[string]int{}},
		"by no name in a value": {`"x"`, `at byte `, new(int)},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			err := secretstest.Value(test.text).Decode(test.dst)
			assert.ErrorContains(t, err, test.want)
		})
	}
}
