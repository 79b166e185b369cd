package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// A console is where the command prints. Only on a terminal there are colours
// and tables.
type console struct {
	to       io.Writer
	terminal bool
	colour   bool
	people   bool  // who reads it are people, wherever it goes
	failed   error // the first write that failed: a full disk, a closed pipe
}

func newConsole(w io.Writer) *console {
	c := &console{to: w}
	if f, ok := w.(*os.File); ok {
		c.terminal = isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
	}
	c.colour = c.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // https://no-color.org
	c.people = c.terminal
	return c
}

// Write writes p as it is, and remembers if that fails.
func (c *console) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	if err != nil && c.failed == nil {
		c.failed = err
	}
	return n, err
}

// printf prints. Texts and errors among args may have been written by anybody,
// and those that people read have no control characters: on a terminal they
// would be commands to it. What paint returns is printed as it is.
func (c *console) printf(format string, args ...any) {
	if c.people {
		for i, arg := range args {
			switch arg := arg.(type) {
			case string:
				args[i] = harmless(arg, "\n\t")
			case error:
				args[i] = harmless(arg.Error(), "\n\t")
			}
		}
	}
	_, _ = fmt.Fprintf(c, format, args...)
}

// fail prints an error. Those of the library start with its name already.
func (c *console) fail(err error) {
	text := strings.TrimPrefix(err.Error(), "secrets: ")
	c.printf("%s %s\n", c.paint(red, "secrets:"), text)
}

// harmless returns a text with its control characters written as Go does, but
// for some: escape sequences would have a terminal do things, a carriage return
// hides what was printed before, and marks of direction turn a line around.
func harmless(text, but string) string {
	if strings.IndexFunc(text, commands) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, c := range text {
		switch {
		case c == utf8.RuneError && strings.HasPrefix(text[i:], string(utf8.RuneError)):
			b.WriteRune(c)
		case c == utf8.RuneError: // a byte above 0x7f may be a control character of eight bits
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case !commands(c), strings.ContainsRune(but, c):
			b.WriteRune(c)
		case c < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

// commands reports whether a terminal may take a character for a command
// rather than for text.
func commands(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// harmlessJSON writes what commands reports in the strings of a JSON text as
// JSON escapes, which mean the same. encoding/json leaves some of it as it is.
func harmlessJSON(text []byte) []byte {
	if bytes.IndexFunc(text, jsonCommands) < 0 {
		return text
	}
	var b bytes.Buffer
	for _, c := range string(text) {
		if jsonCommands(c) {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.Bytes()
}

func jsonCommands(c rune) bool { return commands(c) && c != '\n' }

// A colour is an escape sequence of ANSI X3.64.
type colour string

const (
	plain  colour = ""
	bold   colour = "\x1b[1m"
	red    colour = "\x1b[31m"
	green  colour = "\x1b[32m"
	yellow colour = "\x1b[33m"
)

// A painted text is harmless but for the escape sequences that we put there.
type painted string

func (c *console) paint(with colour, text string) painted {
	if c.people {
		text = harmless(text, "\n\t")
	}
	if !c.colour || with == plain || text == "" {
		return painted(text)
	}
	return painted(string(with) + text + "\x1b[0m")
}

// A cell is a text of a table.
type cell struct {
	text string
	with colour
}

// table prints rows below a heading, in columns on a terminal, and otherwise
// without the heading and separated by tabs, for cut and awk. A cell holds
// neither a tab nor the end of a line.
func (c *console) table(heading []string, rows [][]cell) {
	for _, row := range rows {
		for i := range row {
			row[i].text = harmless(row[i].text, "")
		}
	}
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
