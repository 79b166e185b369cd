package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// explanations are the reasons why mutants change nothing, by their names.
type explanations map[string]string

// readExplanations reads a file of paragraphs: the names of mutants, a line
// each, and below them, indented, why a test cannot tell them from what is
// there. Lines that start with # are comments. No file, no explanations.
func readExplanations(file string) (explanations, error) {
	all := make(explanations)
	if file == "" {
		return all, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
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
			return nil, fmt.Errorf("%s:%d: an explanation of nothing", file, n)
		case indented:
			reason = strings.TrimSpace(reason + " " + text)
		default:
			if reason != "" {
				if err := flush(n); err != nil {
					return nil, err
				}
			}
			names = append(names, text)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return all, flush(n)
}
