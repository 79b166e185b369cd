package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSlug(t *testing.T) {
	t.Parallel()
	for heading, want := range map[string]string{
		"Names and documents":              "names-and-documents",
		"SECRETS_URL":                      "secrets_url",
		"vals' options for Vault":          "vals-options-for-vault",
		"What is protected, and from whom": "what-is-protected-and-from-whom",
		"Über `Get`: 1/2":                  "über-get-12",
	} {
		assert.Equal(t, want, slug(heading))
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	p := parse("page.md", []byte(`# Title
<!-- go
var x int
-->

Text with [a link](other.md#there) and
<https://example.com>.

## Same
## Same

`+"```go\nx++\n```\n\n```go ignore\nx--\n```\n\n```go maybe\n```\n\n```sh\nls\n```\n"))

	assert.Equal(t, map[string]bool{"title": true, "same": true, "same-1": true}, p.anchors)
	assert.Equal(t, []link{{"other.md#there", 6}, {"https://example.com", 7}}, p.links)
	require.Len(t, p.blocks, 3)
	assert.Equal(t, block{page: "page.md", line: 13, code: "x++\n", prelude: []prelude{{3, "var x int\n"}}}, p.blocks[0])
	assert.True(t, p.blocks[1].ignored)
	require.Len(t, p.faults, 1)
	assert.Contains(t, p.faults[0].text, `"maybe"`)
}

func TestLinksOfHTML(t *testing.T) {
	t.Parallel()
	p := parse("page.md", []byte(`Text with <a href="one.md">one</a> and
<a
class="x" href='two.md#a&amp;b'>two</a>.

<!-- <a href="hidden.md"> -->

<p align="center">
  <!-- a
  comment <a href="hidden.md"> -->
  <img alt="x" SRC=three.png>
</p>

`+"`<a href=\"code.md\">`\n\n```html\n<a href=\"block.md\">\n```\n"))
	assert.Equal(t, []link{{"one.md", 1}, {"two.md#a&b", 2}, {"three.png", 10}}, p.links)
	assert.Empty(t, p.faults)
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[x][there] and [x][There]":                "",
		"[there] and [there][]":                    "",
		"see [x][gone]":                            "[x][gone]",
		"see [gone][]":                             "[gone][]",
		"an ![image][gone]":                        "[image][gone]",
		"[`code`][gone]":                           "[…][gone]",
		"*text with [one\nof two lines][gone]*":    "[one\nof two lines][gone]",
		"`m[a][b]`, and [a] and [b], which is [0]": "",
		"m\\[a][b]":                                "",
		"- [ ] to do\n- [x] done":                  "",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			p := parse("page.md", []byte("# Title\n\nText,\n"+text+"\n\n[there]: there.md\n"))
			if want == "" {
				assert.Empty(t, p.faults)
				return
			}
			assert.Equal(t, []fault{{"page.md", 4, "nothing defines the link " + want}}, p.faults)
		})
	}
}

func TestGoByAnotherName(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"golang", "Go", "golang ignore"} {
		p := parse("page.md", []byte("Text\n\n```"+mark+"\nx++\n```\n"))
		require.Len(t, p.faults, 1, mark)
		assert.Equal(t, 3, p.faults[0].line)
		assert.Contains(t, p.faults[0].text, "write go")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("docs/one.md", "# One")
	write("code.go", "package p\n")
	write("README.md", "the pages have its text")
	for target, want := range map[string]string{
		"https://example.com/nowhere": "",
		"docs/one.md":                 "",
		"docs/":                       "",
		"docs/one.md#one":             "",
		"#here":                       "",
		"code.go#L1":                  "",
		"docs/two.md":                 "does not exist",
		"docs/One.md":                 "does not exist",
		"docs/one.md#two":             "no heading",
		"#nowhere":                    "no heading",
		"code.go#L2":                  "past the end",
		"code.go#one":                 "is no page",
		"../outside":                  "out of the repository",
		"/docs/one.md":                "site's root",
		"%zz":                         "no URL",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			l := links{root: root, pages: map[string]*page{"README.md": parse("README.md", []byte("# Here\n[x]("+target+")"))}}
			faults := l.check()
			if want == "" {
				assert.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			assert.Contains(t, faults[0].text, want)
			assert.Equal(t, 2, faults[0].line)
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	pages := map[string]*page{
		"README.md":     parse("README.md", []byte("[one](docs/one.md)")),
		"docs/one.md":   parse("docs/one.md", []byte("[two](two.md)")),
		"docs/two.md":   parse("docs/two.md", []byte("# Two")),
		"docs/three.md": parse("docs/three.md", []byte("[two](two.md)")),
	}
	faults := unreachable(pages)
	require.Len(t, faults, 1)
	assert.Equal(t, "docs/three.md", faults[0].page)
}
