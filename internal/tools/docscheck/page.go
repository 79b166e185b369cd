package main

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// A page is what the checks need of a Markdown file.
type page struct {
	name    string
	links   []link
	anchors map[string]bool // without the #
	blocks  []block
	faults  []fault
}

// A link is where a page points.
type link struct {
	target string
	line   int
}

// A block is a fenced block of Go.
type block struct {
	page    string
	line    int // of its first line of code
	code    string
	prelude []prelude // what holds at this place of the page, oldest first
	ignored bool
}

// A prelude is what a page declares for its blocks in a comment that readers
// don't see.
type prelude struct {
	line int
	code string
}

const preludeMark = "<!-- go"

// parse reads a page.
func parse(name string, source []byte) *page {
	p := &page{name: name, anchors: make(map[string]bool)}
	var preludes []prelude
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	lineAt := func(offset int) int { return bytes.Count(source[:offset], []byte("\n")) + 1 }
	line := 1 // of the block that the walk is in, for inline nodes have no place
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
			line = lineAt(n.Lines().At(0).Start)
		}
		if n.Type() == ast.TypeBlock && n.FirstChild() != nil && n.FirstChild().Type() == ast.TypeInline {
			for _, r := range undefined(n, source) {
				p.faults = append(p.faults, fault{name, lineAt(r.source), "nothing defines the link " + r.text})
			}
		}
		switch n := n.(type) {
		case *ast.Text:
			line = lineAt(n.Segment.Start)
		case *ast.Link:
			p.links = append(p.links, link{string(n.Destination), lineOf(n, line, lineAt)})
		case *ast.Image:
			p.links = append(p.links, link{string(n.Destination), lineOf(n, line, lineAt)})
		case *ast.AutoLink:
			at := line
			if before, ok := n.PreviousSibling().(*ast.Text); ok && before.SoftLineBreak() {
				at++
			}
			p.links = append(p.links, link{string(n.URL(source)), at})
		case *ast.Heading:
			p.anchors[unique(p.anchors, slug(plain(n, source)))] = true
		case *ast.HTMLBlock:
			raw := strings.TrimRight(string(n.Lines().Value(source)), "\n")
			if n.HasClosure() {
				raw += "\n" + string(n.ClosureLine.Value(source))
			}
			if rest, ok := strings.CutPrefix(raw, preludeMark+"\n"); ok {
				rest, _, _ = strings.Cut(rest, "-->")
				preludes = append(preludes, prelude{line + 1, rest})
			}
			p.links = append(p.links, htmlLinks(raw, line)...)
		case *ast.RawHTML:
			p.links = append(p.links, htmlLinks(string(n.Segments.Value(source)), lineAt(n.Segments.At(0).Start))...)
		case *ast.FencedCodeBlock:
			language, attributes, _ := strings.Cut(infoOf(n, source), " ")
			if strings.EqualFold(language, "golang") || strings.EqualFold(language, "go") && language != "go" {
				p.faults = append(p.faults, fault{name, line - 1, "a Go block is marked " + strconv.Quote(language) + "; write go, so that it is compiled"})
			}
			if language != "go" {
				break
			}
			b := block{page: name, line: line, code: string(n.Lines().Value(source)), prelude: slices.Clone(preludes)}
			switch strings.TrimSpace(attributes) {
			case "":
			case "ignore":
				b.ignored = true
			default:
				p.faults = append(p.faults, fault{name, line - 1, "a Go block is marked " + strconv.Quote(attributes) + "; only ignore is known"})
			}
			p.blocks = append(p.blocks, b)
		}
		return ast.WalkContinue, nil
	})
	return p
}

// lineOf finds the line of a link by its text.
func lineOf(n ast.Node, line int, lineAt func(int) int) int {
	if t, ok := n.FirstChild().(*ast.Text); ok {
		return lineAt(t.Segment.Start)
	}
	return line
}

// infoOf gives what stands behind a block's fence.
func infoOf(n *ast.FencedCodeBlock, source []byte) string {
	if n.Info == nil {
		return ""
	}
	return string(n.Info.Segment.Value(source))
}

// plain gives a heading's text without its markup.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(source))
			if n.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// slug makes an anchor of a heading as GitHub does: lower case, punctuation
// dropped, a hyphen for each space.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// unique numbers an anchor that the page has already, as GitHub does.
func unique(taken map[string]bool, anchor string) string {
	name := anchor
	for i := 1; taken[name]; i++ {
		name = anchor + "-" + strconv.Itoa(i)
	}
	return name
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
