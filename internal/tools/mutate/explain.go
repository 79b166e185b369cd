package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// explanations are the reasons why mutants change nothing, by their names.
type explanations map[string]string

// explain reads what explains the mutants of a program: for each of its files
// that of the same name in dir, if there is one.
func explain(dir string, p *program) (explanations, error) {
	all := make(explanations)
	if dir == "" {
		return all, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	read := make(map[string]bool)
	for _, m := range p.mutants {
		if read[m.file] {
			continue
		}
		read[m.file] = true
		err := all.read(filepath.Join(dir, strings.TrimSuffix(m.file, ".go")+".txt"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}

// read reads a file of paragraphs: the names of mutants, a line each, and below
// them, indented, why a test cannot tell them from what is there. Lines that
// start with # are comments.
func (all explanations) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var names []string
	var reason string
	flush := func(line int) error {
		if len(names) > 0 && reason == "" {
			return fmt.Errorf("%s:%d: %s has no explanation", file, line, names[0])
		}
		for _, name := range names {
			if all[name] != "" {
				return fmt.Errorf("%s:%d: %s is explained twice", file, line, name)
			}
			all[name] = reason
		}
		names, reason = nil, ""
		return nil
	}
	lines := bufio.NewScanner(f)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(lines.Text())
		indented := strings.HasPrefix(lines.Text(), "\t") || strings.HasPrefix(lines.Text(), " ")
		switch {
		case text == "" || text[0] == '#':
		case indented && len(names) == 0:
			return fmt.Errorf("%s:%d: an explanation of nothing", file, n)
		case indented:
			reason = strings.TrimSpace(reason + " " + text)
		default:
			if reason != "" {
				if err := flush(n); err != nil {
					return err
				}
			}
			names = append(names, text)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return flush(n)
}
