package main

import (
	"html"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

var (
	htmlComment   = regexp.MustCompile(`(?s)<!--.*?-->`)
	htmlTag       = regexp.MustCompile(`<[A-Za-z][^>]*>`)
	htmlAttribute = regexp.MustCompile(`(?i)\s(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
)

// htmlLinks finds where HTML points, which starts at a line of its page.
func htmlLinks(raw string, line int) (found []link) {
	raw = htmlComment.ReplaceAllStringFunc(raw, func(comment string) string { // the lines stay
		return strings.Repeat("\n", strings.Count(comment, "\n"))
	})
	for _, tag := range htmlTag.FindAllStringIndex(raw, -1) {
		at := line + strings.Count(raw[:tag[0]], "\n")
		for _, m := range htmlAttribute.FindAllStringSubmatch(raw[tag[0]:tag[1]], -1) {
			found = append(found, link{html.UnescapeString(m[1] + m[2] + m[3]), at})
		}
	}
	return found
}

// reference is a link by reference, as it reads where nothing defines it.
// A backslash before the bracket makes it text.
var reference = regexp.MustCompile(`(?:^|[^\\])(\[[^\[\]]+\]\[[^\[\]]*\])`)

// undefined finds the references of a block that stayed text, since the page
// does not define them, each with its place in the source.
func undefined(block ast.Node, source []byte) (found []reading) {
	var text strings.Builder
	var places []reading // of what the text is made of, by its length then
	_ = ast.Walk(block, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			places = append(places, reading{n.Segment.Start, text.Len(), ""})
			text.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				text.WriteByte('\n')
			}
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.CodeSpan, *ast.RawHTML:
			text.WriteString("…") // brackets in it are its own
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	for _, m := range reference.FindAllStringSubmatchIndex(text.String(), -1) {
		r := reading{text: text.String()[m[2]:m[3]]}
		for _, p := range places {
			if p.at <= m[2] {
				r.source, r.at = p.source+m[2]-p.at, m[2]
			}
		}
		found = append(found, r)
	}
	return found
}

// A reading is a piece of text, and where it stands: in the source, and in the
// text of its block.
type reading struct {
	source, at int
	text       string
}
