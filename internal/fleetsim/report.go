package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/go-secrets/secrets/internal/fleetsim/fleet"
)

// report writes every plot into dir, and every table into the document beside
// it, dir.md, where its marks are.
func report(dir string, stdout io.Writer) error {
	page := filepath.Clean(dir) + ".md"
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- a part of the documentation
		return err
	}
	for name, draw := range plots {
		if err := os.WriteFile(filepath.Join(dir, name+".svg"), draw().svg(), 0o644); err != nil { // #nosec G306 -- likewise
			return err
		}
		fmt.Fprintln(stdout, name)
	}
	for name, table := range tables {
		if text, err = insert(text, name, table()); err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		fmt.Fprintln(stdout, name)
	}
	return os.WriteFile(page, text, 0o644) // #nosec G306 -- likewise
}

// insert puts a table where the text has its marks.
func insert(text []byte, name, table string) ([]byte, error) {
	begin, end := "<!-- table "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("no marks for the table %s", name)
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte(table), []byte(end), after}, nil), nil
}

// rows formats a table of Markdown, its first row the heads.
func rows(cells ...[]string) string {
	var b strings.Builder
	for i, row := range cells {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}

// part is by how much the large fleets of the report are made smaller, and the
// quotas beside them. What each process meets stays the same.
var part = 5

// small returns p so much smaller.
func small(p fleet.Params, part int) fleet.Params {
	p.Processes /= part
	for _, q := range []*fleet.Quota{&p.Backend.Single, &p.Backend.Batched} {
		q.Rate, q.Burst = q.Rate/float64(part), q.Burst/float64(part)
	}
	p.Others /= float64(part)
	return p
}

// runAll runs several at a time and returns their results in order.
func runAll(all []fleet.Params) []*fleet.Result {
	results := make([]*fleet.Result, len(all))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, p := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			p.Seed = 1
			results[i] = fleet.Run(p)
		})
	}
	wg.Wait()
	return results
}
