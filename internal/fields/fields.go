// Package fields cuts a JSON object into its fields.
package fields

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-secrets/secrets/internal/shorten"
)

// An Object is a parsed JSON object: a document, cut into its fields.
type Object map[string]json.RawMessage

// An Error says why a text has no fields, or no such field. It quotes the key
// that was asked for, and nothing of the text.
type Error struct {
	Missing bool // there is no such field; else the text, the field or the key is malformed
	Text    string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func missing(format string, args ...any) error {
	return &Error{Missing: true, Text: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...)}
}

// MaxTokens is how many tokens a JSON pointer may have.
const MaxTokens = 64

// ByteOrderMark is what some editors put before UTF-8; encoding/json takes none.
const ByteOrderMark = "\uFEFF"

// Parse reads a JSON object. Its error is an [*Error].
func Parse(text string) (Object, error) {
	text = strings.TrimPrefix(text, ByteOrderMark)
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed == "" || trimmed[0] != '{' {
		return nil, malformed("the value is no JSON object, so it has no fields")
	}
	var o Object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, malformed("the value starts as a JSON object and is malformed, so it has no fields")
	}
	return o, nil
}

// Field returns the member of that key, or else what the key points to: a JSON
// pointer, if it starts with a slash. Text comes without its quotes, everything
// else as compact JSON. Its error is an [*Error].
func (o Object) Field(key string) (string, error) {
	if raw, ok := o[key]; ok {
		return textOf(raw)
	}
	if !strings.HasPrefix(key, "/") {
		return "", missing("the document has no field %s", shorten.Quote(key))
	}
	return o.pointer(key)
}

// Member returns the member of exactly that key, as [Object.Field] does.
func (o Object) Member(key string) (string, error) {
	if raw, ok := o[key]; ok {
		return textOf(raw)
	}
	return "", missing("the document has no field %s", shorten.Quote(key))
}

// pointer evaluates a JSON pointer (RFC 6901) that starts with a slash. Each of
// its tokens costs another look at what is left of the document, so that their
// number has a bound.
func (o Object) pointer(pointer string) (string, error) {
	if strings.Count(pointer, "/") > MaxTokens {
		return "", malformed("a JSON pointer has at most %d tokens", MaxTokens)
	}
	var raw json.RawMessage
	for i, token := range strings.Split(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~") // RFC 6901, 4: in this order
		if i == 0 {
			var ok bool
			if raw, ok = o[token]; !ok {
				return "", nothingAt(pointer)
			}
			continue
		}
		switch raw = bytes.TrimLeft(raw, " \t\r\n"); raw[0] {
		case '{':
			var inner Object
			if json.Unmarshal(raw, &inner) != nil {
				return "", nothingAt(pointer)
			}
			var ok bool
			if raw, ok = inner[token]; !ok {
				return "", nothingAt(pointer)
			}
		case '[':
			var items []json.RawMessage
			n, err := strconv.ParseUint(token, 10, 31)
			if err != nil || (len(token) > 1 && token[0] == '0') || json.Unmarshal(raw, &items) != nil || n >= uint64(len(items)) {
				return "", nothingAt(pointer)
			}
			raw = items[n]
		default:
			return "", nothingAt(pointer)
		}
	}
	return textOf(raw)
}

func nothingAt(pointer string) error {
	return missing("the document has nothing at %s", shorten.Quote(pointer))
}

// textOf returns a field as the app uses it: text without its quotes,
// everything else as compact JSON. Null is a field that is not there.
func textOf(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		// encoding/json would replace what is no UTF-8, and so change a
		// password in silence.
		var s string
		if !utf8.Valid(raw) || json.Unmarshal(raw, &s) != nil {
			return "", malformed("a field is malformed, or no UTF-8")
		}
		return s, nil
	}
	if string(raw) == "null" {
		return "", missing("the field is null")
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return "", malformed("a field is malformed")
	}
	return compact.String(), nil
}
