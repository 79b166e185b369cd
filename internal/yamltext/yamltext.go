// Package yamltext reads a text as one YAML document, and says what is wrong
// with it in words that repeat nothing of it.
package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Problem is what is wrong with a text, and on which line.
type Problem struct {
	Line int
	Text string
}

// Error returns the line and the text.
func (p *Problem) Error() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// What is wrong in more than one place.
const (
	MergeKey = "a merge key (<<) is not read here; write out the keys that it would merge"
	version  = "the %YAML line names a version that is not read; leave the line out"
)

// Root returns the root of the one document that data is. Aliases are not
// expanded, so it costs what data is long.
func Root(data []byte) (*yaml.Node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var file, second yaml.Node
	if err := decoder.Decode(&file); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Problem{1, "the file is empty"}
		}
		return nil, malformed(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, &Problem{second.Line, "the file has a second YAML document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, malformed(err)
	}
	return file.Content[0], nil
}

// syntax is what the parser's errors look like.
var syntax = regexp.MustCompile(`^yaml: (?:line (\d+): )?([^']*(?:'.{1,3}'[^']*)*)`)

// malformed makes a parser's error a problem. Its line may be one too low, or
// that of what was begun and not finished. Of its text at most punctuation is
// quoted: the parser quotes an anchor in full, and that is left out.
func malformed(err error) *Problem {
	if strings.Contains(err.Error(), "incompatible YAML document") {
		return &Problem{1, version}
	}
	line, text := 1, "no YAML"
	if m := syntax.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
		text += ": " + m[2]
	}
	return &Problem{line, "around here this is " + strings.TrimSpace(text)}
}

// Target returns the node that an alias stands for, or the node itself.
func Target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// IsNull reports whether a node is null, or nothing.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// IsMerge reports whether a key merges another mapping.
func IsMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge"
}

// Kind says what a node is.
func Kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case IsNull(n):
		return "empty"
	}
	return "a single value"
}
