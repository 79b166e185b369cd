package main

import (
	"bytes"
	"fmt"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/exp/apidiff"
)

const exceptions = "except.txt"

// save writes a listing, and removes the files of packages that are gone.
func save(dir string, listing map[string][]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //#nosec G301 -- part of the repository
		return err
	}
	old, err := read(dir)
	if err != nil {
		return err
	}
	for name := range old {
		if listing[name] == nil {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, lines := range listing {
		text := strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //#nosec G306 -- part of the repository
			return err
		}
	}
	return nil
}

// read reads a listing.
func read(dir string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	result := make(map[string][]string)
	for _, file := range files {
		if filepath.Base(file) == exceptions {
			continue
		}
		lines, err := readLines(file)
		if err != nil {
			return nil, err
		}
		result[filepath.Base(file)] = lines
	}
	return result, nil
}

// readLines reads a file without its comments and empty lines.
func readLines(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "#")
	}), nil
}

// compare holds the code's listing against the one in a folder.
func compare(dir string, listing map[string][]string) ([]string, error) {
	promised, err := read(dir)
	if err != nil {
		return nil, err
	}
	var gone, added []string
	for _, name := range sorted(promised) {
		for _, line := range promised[name] {
			if !slices.Contains(listing[name], line) {
				gone = append(gone, fmt.Sprintf("- %s: %s", strings.TrimSuffix(name, ".txt"), line))
			}
		}
	}
	for _, name := range sorted(listing) {
		for _, line := range listing[name] {
			if !slices.Contains(promised[name], line) {
				added = append(added, fmt.Sprintf("+ %s: %s", strings.TrimSuffix(name, ".txt"), line))
			}
		}
	}
	if len(gone) > 0 {
		gone = append([]string{"removed from the API, or changed, which breaks users:"}, gone...)
	}
	if len(added) > 0 {
		added = append([]string{"new in the API:"}, added...)
	}
	complaints := append(gone, added...)
	if len(complaints) > 0 {
		complaints = append(complaints, "If this is meant, run make api and commit what it writes; CONTRIBUTING.md tells what may change when.")
	}
	return complaints, nil
}

// lastRelease returns the latest tag of a release in the history, "" if there
// is none.
func lastRelease() (string, error) {
	out, err := output("git", "tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname")
	if err != nil {
		return "", err
	}
	for _, tag := range strings.Fields(out) {
		if !strings.Contains(tag, "-") { // no promise was made by a pre-release
			return tag, nil
		}
	}
	return "", nil
}

// since compares the packages with those of a tag.
func since(tag string, now map[string]*types.Package) ([]string, error) {
	dir, err := os.MkdirTemp("", "apicheck")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	archive := filepath.Join(dir, "release.tar")
	if _, err := output("git", "archive", "--output="+archive, tag); err != nil {
		return nil, err
	}
	if _, err := output("tar", "-xf", archive, "-C", dir); err != nil {
		return nil, err
	}
	then, err := load(dir)
	if err != nil {
		return nil, err
	}
	var allowed []string
	if lines, err := readLines(filepath.Join(listings, exceptions)); err == nil {
		allowed = lines
	} else if !os.IsNotExist(err) {
		return nil, err
	}
	var complaints []string
	compatible := 0
	complain := func(path, change string) {
		line := fmt.Sprintf("%s: %s", strings.TrimSuffix(fileOf(path), ".txt"), change)
		if !slices.Contains(allowed, line) {
			complaints = append(complaints, line)
		}
	}
	for _, path := range sorted(then) {
		if now[path] == nil {
			complain(path, "the package was removed")
			continue
		}
		for _, c := range apidiff.Changes(then[path], now[path]).Changes {
			if c.Compatible {
				compatible++
			} else {
				complain(path, c.Message)
			}
		}
	}
	fmt.Printf("held against %s: %d incompatible changes, %d compatible ones\n", tag, len(complaints), compatible)
	if len(complaints) > 0 {
		complaints = append([]string{"incompatible with " + tag + " (a line that is meant goes into " + listings + "/" + exceptions + "):"}, complaints...)
	}
	return complaints, nil
}

// output runs a command and returns what it prints.
func output(name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
