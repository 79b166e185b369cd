package envfile

import (
	"os"
	"path/filepath"
)

// A place is where a file or directory may be: name, slash-separated and
// confined to dir; "." is dir itself.
type place struct {
	dir, name string
	// whole says that the whole path was given, not only its name: a link may
	// lead out of dir.
	whole bool
	// file says that a directory is not wanted.
	file bool
	// only are the files of a directory that are wanted; nil: all.
	only []string
}

// placeOf returns the place of a path that was given whole.
func placeOf(path string) place {
	path = filepath.Clean(osPath(path))
	dir, name := filepath.Split(path)
	switch {
	case name == "" || name == "." || name == "..":
		return place{dir: path, name: ".", whole: true}
	case dir == "":
		dir = "."
	}
	return place{dir: dir, name: name, whole: true}
}

// path returns the place as an absolute path, for people and watchers.
func (p place) path() string {
	path := filepath.Join(p.dir, filepath.FromSlash(p.name))
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// osPath returns the path of a URI as the operating system writes it.
func osPath(path string) string {
	if os.PathSeparator == '\\' && len(path) > 2 && path[0] == '/' && path[2] == ':' {
		path = path[1:] // /C:/secrets
	}
	return filepath.FromSlash(path)
}
