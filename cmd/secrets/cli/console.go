package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// A console is where the command prints. Only on a terminal there are colours
// and tables.
type console struct {
	io.Writer
	terminal bool
	colour   bool
}

func newConsole(w io.Writer) *console {
	c := &console{Writer: w}
	if f, ok := w.(*os.File); ok {
		c.terminal = isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
	}
	c.colour = c.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // https://no-color.org
	return c
}

func (c *console) printf(format string, args ...any) { _, _ = fmt.Fprintf(c, format, args...) }

// fail prints an error. Those of the library start with its name already.
func (c *console) fail(err error) {
	text := strings.TrimPrefix(err.Error(), "secrets: ")
	c.printf("%s %s\n", c.paint(red, "secrets:"), text)
}

// A colour is an escape sequence of ANSI X3.64.
type colour string

const (
	plain  colour = ""
	bold   colour = "\x1b[1m"
	red    colour = "\x1b[31m"
	green  colour = "\x1b[32m"
	yellow colour = "\x1b[33m"
)

func (c *console) paint(with colour, text string) string {
	if !c.colour || with == plain || text == "" {
		return text
	}
	return string(with) + text + "\x1b[0m"
}

// A cell is a text of a table.
type cell struct {
	text string
	with colour
}

// table prints rows below a heading, in columns on a terminal, and otherwise
// without the heading and separated by tabs, for cut and awk.
func (c *console) table(heading []string, rows [][]cell) {
	if !c.terminal {
		for _, row := range rows {
			for i, cell := range row {
				if i > 0 {
					c.printf("\t")
				}
				c.printf("%s", cell.text)
			}
			c.printf("\n")
		}
		return
	}
	all := make([][]cell, 0, len(rows)+1)
	head := make([]cell, len(heading))
	for i, h := range heading {
		head[i] = cell{h, bold}
	}
	all = append(append(all, head), rows...)
	widths := make([]int, len(heading))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.text))
		}
	}
	for _, row := range all {
		for i, cell := range row {
			c.printf("%s", c.paint(cell.with, cell.text))
			if i < len(row)-1 {
				c.printf("%*s", widths[i]-utf8.RuneCountInString(cell.text)+2, "")
			}
		}
		c.printf("\n")
	}
}

// patience is how long something takes before progress is shown.
const patience = 300 * time.Millisecond

// progress shows how far something is, on a terminal and if it takes long;
// done takes it away. Steps are not counted side by side.
func (c *console) progress(what string, total int) (step, done func()) {
	if !c.terminal {
		return func() {}, func() {}
	}
	n, start, shown := 0, time.Now(), false
	step = func() {
		if n++; time.Since(start) > patience {
			c.printf("\r\x1b[K%s %d of %d", what, n, total)
			shown = true
		}
	}
	done = func() {
		if shown {
			c.printf("\r\x1b[K")
		}
	}
	return step, done
}
