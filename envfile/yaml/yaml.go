package yaml

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	_ "github.com/go-secrets/secrets/envfile" // registers file://
	"github.com/go-secrets/secrets/internal/fileformat"
	"github.com/go-secrets/secrets/internal/yamltext"
)

func init() { fileformat.YAML = toJSON }

// maxDepth is how many levels a document may have: an alias may stand for what
// it is in.
const maxDepth = 100

// toJSON makes a YAML document a JSON one of at most that many bytes.
func toJSON(data []byte, most int64) ([]byte, error) {
	root, problem := yamltext.Root(data)
	if problem != nil {
		return nil, problem
	}
	if root.Kind == yaml.ScalarNode {
		return nil, &yamltext.Problem{Line: root.Line, Text: "the file is " + yamltext.Kind(root) + "; without the option format it is read as the text that it is"}
	}
	w := writer{most: most}
	if problem := w.value(root, 0); problem != nil {
		return nil, problem
	}
	return w.json.Bytes(), nil
}

// A writer writes nodes as JSON. Every node that it visits writes something, so
// that most bounds the time as well, whatever the aliases stand for.
type writer struct {
	json bytes.Buffer
	most int64
}

func (w *writer) value(n *yaml.Node, depth int) *yamltext.Problem {
	line := n.Line
	n = yamltext.Target(n)
	switch {
	case depth > maxDepth:
		return &yamltext.Problem{Line: line, Text: "the file has more than " + strconv.Itoa(maxDepth) + " levels"}
	case int64(w.json.Len()) > w.most:
		return &yamltext.Problem{Line: line, Text: "with its aliases written out the document is larger than " + strconv.FormatInt(w.most, 10) + " bytes; option max allows for more"}
	case !standard[n.ShortTag()]:
		return &yamltext.Problem{Line: line, Text: "a tag (!) is not read here; write the value as text"}
	}
	switch n.Kind {
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		w.json.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				w.json.WriteByte(',')
			}
			if problem := w.value(item, depth+1); problem != nil {
				return problem
			}
		}
		w.json.WriteByte(']')
	default:
		w.scalar(n)
	}
	return nil
}

// standard are the tags of what is read, most of which nobody writes.
var standard = map[string]bool{
	"!!map": true, "!!seq": true, "!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!timestamp": true, "!!merge": true,
}

func (w *writer) mapping(n *yaml.Node, depth int) *yamltext.Problem {
	w.json.WriteByte('{')
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		line, key := n.Content[i].Line, yamltext.Target(n.Content[i])
		switch {
		case key.Kind != yaml.ScalarNode || yamltext.IsNull(key):
			return &yamltext.Problem{Line: line, Text: "a key is " + yamltext.Kind(key) + ", and must be text"}
		case yamltext.IsMerge(key):
			return &yamltext.Problem{Line: line, Text: yamltext.MergeKey}
		case !standard[key.ShortTag()]:
			return &yamltext.Problem{Line: line, Text: "a tag (!) is not read here; write the key as text"}
		case lines[key.Value] > 0:
			return &yamltext.Problem{Line: line, Text: "a key is given twice, first on line " + strconv.Itoa(lines[key.Value])}
		}
		lines[key.Value] = line
		if i > 0 {
			w.json.WriteByte(',')
		}
		w.text(key.Value)
		w.json.WriteByte(':')
		if problem := w.value(n.Content[i+1], depth+1); problem != nil {
			return problem
		}
	}
	w.json.WriteByte('}')
	return nil
}

// number is a number as JSON writes one.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar writes a value as it is written: a reader who makes another number or
// word of it makes another secret.
func (w *writer) scalar(n *yaml.Node) {
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		w.json.WriteString("null")
	case tag == "!!bool" && (n.Value == "true" || n.Value == "false"),
		(tag == "!!int" || tag == "!!float") && number.MatchString(n.Value):
		w.json.WriteString(n.Value)
	default:
		w.text(n.Value)
	}
}

func (w *writer) text(text string) {
	e := json.NewEncoder(&w.json)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string does not fail
	w.json.Truncate(w.json.Len() - len("\n"))
}
