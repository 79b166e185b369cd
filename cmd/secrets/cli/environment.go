package cli

import (
	"path"
	"slices"
	"strings"
)

// An environment is the variables of the program to start. It is never that of
// this process, which therefore never holds a value that was resolved.
type environment struct {
	names  []string // in the order in which they came
	values map[string]string
	others []string // what reads not NAME=value, as on Windows
}

func newEnvironment(entries []string) *environment {
	e := &environment{values: make(map[string]string, len(entries))}
	for _, entry := range entries {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			e.others = append(e.others, entry)
			continue
		}
		if !e.has(name) { // the first is the one that getenv(3) finds
			e.set(name, value)
		}
	}
	return e
}

func (e *environment) has(name string) bool { _, ok := e.values[name]; return ok }

func (e *environment) get(name string) string { return e.values[name] }

func (e *environment) set(name, value string) {
	if !e.has(name) {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) remove(name string) {
	if e.has(name) {
		delete(e.values, name)
		e.names = slices.DeleteFunc(e.names, func(n string) bool { return n == name })
	}
}

// list returns the variables as execve(2) takes them.
func (e *environment) list() []string {
	list := slices.Clone(e.others)
	for _, name := range e.names {
		list = append(list, name+"="+e.values[name])
	}
	return list
}

// ours are the variables that say where names are looked for. Their values
// look like references and are none.
var ours = []string{"SECRETS_URL", "SECRETS_CONFIG"}

// selected returns the variables that --only and --except leave.
func (e *environment) selected(only, except []string) (names []string) {
	for _, name := range e.names {
		if !slices.Contains(ours, name) && (len(only) == 0 || matches(only, name)) && !matches(except, name) {
			names = append(names, name)
		}
	}
	return names
}

// matches reports whether one of the patterns matches a variable's name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// isPattern reports whether a flag means several variables.
func isPattern(s string) bool { return strings.ContainsAny(s, `*?[\`) }
