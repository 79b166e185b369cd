package envfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/fileformat"
)

// Format is how the text of a file becomes a document with fields.
type Format string

const (
	// FormatAuto goes by the extension: .json, and .env (also .env.local and
	// the like). A file without either is the text that it holds; if that is a
	// JSON object or reads as a dotenv, it has fields besides.
	FormatAuto Format = ""
	// FormatJSON is any JSON.
	FormatJSON Format = "json"
	// FormatDotenv is KEY=value lines; the document is a JSON object with the
	// keys as written.
	FormatDotenv Format = "dotenv"
	// FormatLines is "key: value" lines, what the default template of Vault's
	// Agent Injector writes.
	FormatLines Format = "lines"
	// FormatYAML is a YAML document. The program has to link the reader of it:
	//
	//	import _ "github.com/go-secrets/secrets/envfile/yaml"
	FormatYAML Format = "yaml"
)

func (f Format) validate() error {
	switch f {
	case FormatAuto, FormatJSON, FormatDotenv, FormatLines:
		return nil
	}
	if f != FormatYAML {
		return fault.New(secrets.ErrInvalid, "option format is json, dotenv, lines or yaml, not "+strconv.Quote(string(f)), nil)
	}
	if fileformat.YAML == nil {
		return fault.New(secrets.ErrInvalid, `the reader of format yaml is not linked; add import _ "github.com/go-secrets/secrets/envfile/yaml" to the program`, nil)
	}
	return nil
}

// textKey is the key of the whole text in a document that has fields as well
// because its text reads as a dotenv. No dotenv has such a key.
const textKey = "(text)"

// document makes a file's content, or a directory's, a document. One whose
// aliases are written out has at most that many bytes.
func document(c content, format Format, most int64) (secrets.Value, error) {
	v := secrets.Value{Data: c.data, Created: c.modTime}
	if c.dir {
		v.Data = jsonObject(c.files)
		return v, nil
	}
	switch base := strings.ToLower(filepath.Base(c.path)); {
	case format != FormatAuto:
	case strings.HasSuffix(base, ".json"):
		format = FormatJSON
	case strings.HasSuffix(base, ".env"), strings.HasPrefix(base, ".env."):
		format = FormatDotenv
	}
	var fields map[string]string
	var err error
	switch format {
	case FormatJSON:
		if !json.Valid(c.data) {
			return secrets.Value{}, fault.New(secrets.ErrInvalid, strconv.Quote(c.path)+" is not valid JSON"+jsonPlace(c.data), nil)
		}
		return v, nil
	case FormatDotenv:
		fields, err = parseDotenv(string(c.data))
	case FormatLines:
		fields, err = parseLines(string(c.data))
	case FormatYAML:
		if v.Data, err = fileformat.YAML(c.data, most); err != nil {
			return secrets.Value{}, fault.New(secrets.ErrInvalid, strconv.Quote(c.path), err)
		}
		return v, nil
	default:
		return guessed(v), nil
	}
	if err != nil {
		return secrets.Value{}, fault.New(secrets.ErrInvalid, strconv.Quote(c.path), err)
	}
	v.Data = jsonObject(fields)
	return v, nil
}

// guessed gives a text that reads as a dotenv its fields. Without a field it
// stays the text that it is: a password may look like an assignment.
func guessed(v secrets.Value) secrets.Value {
	if !isText(v.Data) || isObject(v.Data) {
		return v
	}
	fields, err := parseDotenv(string(v.Data))
	if err != nil || len(fields) == 0 {
		return v
	}
	fields[textKey] = string(v.Data)
	v.Data, v.Default = jsonObject(fields), textKey
	return v
}

func isObject(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && data[0] == '{' && json.Valid(data)
}

// isText reports whether a JSON string can hold data as it is.
func isText(data []byte) bool { return utf8.Valid(data) }

// jsonObject writes fields as a JSON object, keys sorted. A value that is no
// text is left out: JSON would hold another in its place.
func jsonObject(fields map[string]string) []byte {
	whole := make(map[string]string, len(fields))
	for key, value := range fields {
		if utf8.ValidString(key) && utf8.ValidString(value) {
			whole[key] = value
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(whole) // strings do not fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// jsonPlace says where data stops being JSON, and nothing of what is there.
func jsonPlace(data []byte) string {
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(data, new(json.RawMessage)), &syntax) {
		return " (at byte " + strconv.FormatInt(syntax.Offset, 10) + " of " + strconv.Itoa(len(data)) + ")"
	}
	return ""
}
