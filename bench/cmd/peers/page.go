package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var pageText string

// writePage writes benchmarks.md.
func writePage(r *results, checks []check, docs string) error {
	t := template.New("page").Funcs(template.FuncMap{
		"table":     func(before, peers string, columns ...string) string { return table(r, before, peers, columns) },
		"benchstat": func(args ...string) (string, error) { return benchstat(r.file, args) },
		"value":     func(name, unit string) string { return value(r, name, unit) },
		"ratio": func(over, under, unit string) string {
			v, err := r.ratio(over, under, unit)
			if err != nil {
				return "(not measured)"
			}
			return fmt.Sprintf("%.1f", v)
		},
		"plot": func(name, alt string) string {
			if _, err := os.Stat(filepath.Join(docs, "benchmarks", name+".svg")); err != nil {
				return ""
			}
			return fmt.Sprintf("![%s](benchmarks/%s.svg)", alt, name)
		},
		"backends": func() []string { return []string{"awssm", "ssm", "vault", "gcp"} },
		"kinds":    func() []string { return []string{"hang", "refuse", "throttle"} },
		"checks":   func() string { return checkTable(checks) },
		"go":       runtime.Version,
		"cpus":     runtime.NumCPU,
		"config":   func(key string) string { return r.config[key] },
	})
	if _, err := t.Parse(pageText); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, nil); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "benchmarks.md"), page.Bytes(), 0o644)
}

// table is a Markdown table of medians: a line for each of peers (separated by
// spaces), and columns written as head|rest of the name|unit.
func table(r *results, before, peers string, columns []string) string {
	var b strings.Builder
	heads, rule := "|", "|---|"
	for _, c := range columns {
		head, _, _ := strings.Cut(c, "|")
		heads += " | " + head
		rule += "---:|"
	}
	fmt.Fprintf(&b, "%s |\n%s\n", heads, rule)
	for peer := range strings.FieldsSeq(peers) {
		line := "| " + label(peer)
		found := false
		for _, c := range columns {
			parts := strings.Split(c, "|")
			name := before + "peer=" + peer + parts[1]
			if strings.Contains(parts[1], "kind=") || strings.Contains(parts[1], "connections=") || strings.Contains(parts[1], "layout=") {
				name = before + parts[1] + "/peer=" + peer
			}
			found = found || r.has(name)
			line += " | " + value(r, name, parts[2])
		}
		if found {
			b.WriteString(line + " |\n")
		}
	}
	return b.String()
}

// value is a median, for people.
func value(r *results, name, unit string) string {
	v, err := r.median(name, unit)
	if err != nil {
		return ""
	}
	if unit == "recovery-ns" && len(r.all(name, "never-recovered")) > 0 {
		return "never (" + duration(v) + " watched)"
	}
	return quantity(v, unit)
}

// benchstat is what benchstat makes of the results.
func benchstat(file string, args []string) (string, error) {
	cmd := exec.Command("go", append(append([]string{"tool", "benchstat"}, args...), file)...)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	text, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("benchstat: %w: %s", err, exit.Stderr)
		}
		return "", err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return fmt.Sprintf("<details><summary>benchstat %s</summary>\n\n```\n%s\n```\n\n</details>", strings.Join(args, " "), strings.Join(lines, "\n")), nil
}

// checkTable is a Markdown table of the checks.
func checkTable(checks []check) string {
	var b strings.Builder
	b.WriteString("| | Measured | Asked | |\n|---|---:|---:|---|\n")
	for _, c := range checks {
		mark, got := "holds", quantity(c.got, c.unit)
		if !c.ok {
			mark = "**does not hold**"
		}
		if c.err != nil {
			got, mark = "", "not measured"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.what, got, c.want, mark)
	}
	return b.String()
}
