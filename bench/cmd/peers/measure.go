package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A measurement runs rows and keeps what they print.
type measurement struct {
	options
	results, trace string // files

	dir  string // of what is built
	rows string // the test binary with our rows
	vals string // the one of vals; empty: it is left out
}

// measure runs the rows and puts their results in place of those of before.
func (m *measurement) measure(rows []row) (err error) {
	if m.dir, err = os.MkdirTemp("", "bench-peers-"); err != nil {
		return err
	}
	defer os.RemoveAll(m.dir)
	if err := m.build(rows); err != nil {
		return err
	}
	kept, err := m.others(rows)
	if err != nil {
		return err
	}
	for _, r := range rows {
		began := time.Now()
		lines, err := m.row(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		kept = append(kept, lines...)
		fmt.Printf("%-12s %5.0f s\n", r.name, time.Since(began).Seconds())
		// After each row, so that nothing is lost when a later one fails.
		if err := os.WriteFile(m.results, []byte(strings.Join(kept, "\n")+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// build builds the test binaries, with -trimpath as the programs are, so that
// what they share is compiled once.
func (m *measurement) build(rows []row) error {
	fmt.Println("building")
	m.rows = filepath.Join(m.dir, "rows.test")
	if err := goCommand(".", "test", "-c", "-trimpath", "-o", m.rows, "."); err != nil {
		return err
	}
	if m.options.vals && slices.ContainsFunc(rows, func(r row) bool { return r.vals }) {
		m.vals = filepath.Join(m.dir, "vals.test")
		return goCommand("vals", "test", "-c", "-trimpath", "-o", m.vals, ".")
	}
	return nil
}

// goCommand runs the go command in a folder.
func goCommand(dir string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w", strings.Join(args, " "), dir, err)
	}
	return nil
}

// others returns the results of rows that are not measured now. Their traces
// stay where they are.
func (m *measurement) others(rows []row) (kept []string, err error) {
	if slices.ContainsFunc(rows, func(r row) bool { return r.trace }) {
		if err := os.Remove(m.trace); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	text, err := os.ReadFile(m.results)
	if os.IsNotExist(err) {
		return nil, nil
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "Benchmark"), "/")
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			kept = append(kept, line)
		}
	}
	return kept, err
}

// row runs all rounds of a row.
func (m *measurement) row(r row) (lines []string, err error) {
	if r.name == programRow {
		return m.programs()
	}
	for round := range r.rounds {
		type process struct{ binary, pattern string }
		var all []process
		for _, part := range r.peers {
			all = append(all, process{m.rows, part})
		}
		if r.vals && m.vals != "" {
			all = append(all, process{m.vals, "peer=vals"})
		}
		if round%2 == 1 { // so that none always comes after the same one
			slices.Reverse(all)
		}
		for _, p := range all {
			pattern := "^Benchmark" + r.name + "$"
			for part := range strings.SplitSeq(p.pattern, "/") {
				pattern += "/^" + part + "$"
			}
			args := append([]string{"-test.run=^$", "-test.bench=" + pattern, "-test.timeout=10m"}, r.args...)
			if r.trace && p.binary == m.rows {
				args = append(args, "-trace="+m.trace)
			}
			if p.binary == m.vals {
				args = slices.DeleteFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-test.") })
			}
			printed, err := runBenchmark(p.binary, args)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.pattern, err)
			}
			lines = append(lines, printed...)
		}
	}
	return lines, nil
}

// runBenchmark runs a test binary and returns the lines of its results.
func runBenchmark(binary string, args []string) (lines []string, err error) {
	var stdout, stderr bytes.Buffer
	abs, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(abs, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	for line := range strings.Lines(stdout.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "Benchmark") || strings.HasPrefix(line, "goos:") || strings.HasPrefix(line, "goarch:") || strings.HasPrefix(line, "cpu:") {
			lines = append(lines, line)
		}
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Benchmark") }) {
		return nil, fmt.Errorf("no results\n%s%s", stdout.String(), stderr.String())
	}
	return lines, nil
}
