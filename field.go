package secrets

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An object is a parsed JSON object: a document, cut into its fields.
type object map[string]json.RawMessage

// byteOrderMark is what some editors put before UTF-8; encoding/json takes none.
const byteOrderMark = "\uFEFF"

// parseObject reads a JSON object. Its error does not quote the text.
func parseObject(text string) (object, error) {
	text = strings.TrimPrefix(text, byteOrderMark)
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed == "" || trimmed[0] != '{' {
		return nil, invalid("the value is no JSON object, so it has no fields")
	}
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, invalid("the value starts as a JSON object and is malformed, so it has no fields")
	}
	return o, nil
}

// field returns the member of that key, or else what the key points to.
func (o object) field(key string) (string, error) {
	if raw, ok := o[key]; ok {
		return fieldText(raw)
	}
	if !strings.HasPrefix(key, "/") {
		return "", notFound("the document has no field %s", quote(key))
	}
	return o.pointer(key)
}

// member returns the member of exactly that key.
func (o object) member(key string) (string, error) {
	if raw, ok := o[key]; ok {
		return fieldText(raw)
	}
	return "", notFound("the document has no field %s", quote(key))
}

// pointer evaluates a JSON pointer (RFC 6901) that starts with a slash. Each of
// its tokens costs another look at what is left of the document, so that their
// number has a bound.
func (o object) pointer(pointer string) (string, error) {
	if strings.Count(pointer, "/") > maxSegments {
		return "", invalid("a JSON pointer has at most %d tokens", maxSegments)
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
			var inner object
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
	return fieldText(raw)
}

func nothingAt(pointer string) error {
	return notFound("the document has nothing at %s", quote(pointer))
}

// fieldText returns a field as the app uses it: text without its quotes,
// everything else as compact JSON. Null is a field that is not there.
func fieldText(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		// encoding/json would replace what is no UTF-8, and so change a
		// password in silence.
		var s string
		if !utf8.Valid(raw) || json.Unmarshal(raw, &s) != nil {
			return "", invalid("a field is malformed, or no UTF-8")
		}
		return s, nil
	}
	if string(raw) == "null" {
		return "", notFound("the field is null")
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return "", invalid("a field is malformed")
	}
	return compact.String(), nil
}
