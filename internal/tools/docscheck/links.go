package main

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// links checks where the pages point.
type links struct {
	root            string
	pages           map[string]*page
	inside, outside int
}

// check returns a fault for each link inside the repository that leads
// nowhere.
func (l *links) check() []fault {
	var faults []fault
	for _, name := range sorted(l.pages) {
		for _, k := range l.pages[name].links {
			if err := l.follow(name, k.target); err != nil {
				faults = append(faults, fault{name, k.line, err.Error()})
			}
		}
	}
	return faults
}

// follow looks for what a page's link points at.
func (l *links) follow(from, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("the link %s is no URL", target)
	}
	if u.Scheme != "" || u.Host != "" {
		l.outside++
		return nil
	}
	l.inside++
	to := from
	if u.Path != "" {
		if path.IsAbs(u.Path) {
			return fmt.Errorf("the link %s starts at the site's root", target)
		}
		to = path.Join(path.Dir(from), u.Path)
	}
	if to == ".." || strings.HasPrefix(to, "../") {
		return fmt.Errorf("the link %s leads out of the repository", target)
	}
	if !exists(l.root, to) {
		return fmt.Errorf("the link %s leads to %s, which does not exist", target, to)
	}
	if u.Fragment == "" {
		return nil
	}
	return l.anchor(target, to, u.Fragment)
}

// exists reports whether a file of exactly this spelling is there, also on a
// file system that doesn't tell upper from lower case.
func exists(root, name string) bool {
	dir := root
	if name == "." {
		return true
	}
	for _, part := range strings.Split(name, "/") {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return false
		}
		found := false
		for _, e := range entries {
			found = found || e.Name() == part
		}
		if !found {
			return false
		}
		dir = filepath.Join(dir, part)
	}
	return true
}

var lineAnchor = regexp.MustCompile(`^L(\d+)(?:-L(\d+))?$`)

// anchor looks for a heading in a page, or for a line in another file.
func (l *links) anchor(target, file, fragment string) error {
	if p := l.pages[file]; p != nil {
		if !p.anchors[fragment] {
			return fmt.Errorf("the link %s leads to no heading of %s", target, file)
		}
		return nil
	}
	text, err := os.ReadFile(filepath.Join(l.root, file))
	if err != nil {
		return fmt.Errorf("the link %s can't be followed: %w", target, err)
	}
	if strings.HasSuffix(file, ".md") { // a page that was not asked for
		if !parse(file, text).anchors[fragment] {
			return fmt.Errorf("the link %s leads to no heading of %s", target, file)
		}
		return nil
	}
	m := lineAnchor.FindStringSubmatch(fragment)
	if m == nil {
		return fmt.Errorf("the link %s has an anchor, and %s is no page", target, file)
	}
	for _, number := range m[1:] {
		if n, err := strconv.Atoi(number); err == nil && n > strings.Count(string(text), "\n") {
			return fmt.Errorf("the link %s leads past the end of %s", target, file)
		}
	}
	return nil
}

// unreachable returns a fault for each page of docs that no way leads to from
// README.md.
func unreachable(pages map[string]*page) []fault {
	seen := make(map[string]bool)
	var visit func(string)
	visit = func(name string) {
		p := pages[name]
		if p == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, k := range p.links {
			if u, err := url.Parse(k.target); err == nil && u.Scheme == "" && u.Path != "" {
				visit(path.Join(path.Dir(name), u.Path))
			}
		}
	}
	visit("README.md")
	var faults []fault
	for _, name := range sorted(pages) {
		if strings.HasPrefix(name, "docs/") && !seen[name] {
			faults = append(faults, fault{name, 1, "no link leads here from README.md"})
		}
	}
	return faults
}
