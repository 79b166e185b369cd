package envfile

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links a path may lead through, as on Linux.
const maxLinks = 40

// A trail gathers what has to be watched for changes of what paths lead to: the
// directories that hold a link on the way, each by its real path, the last one,
// or, if the path does not exist, the last one that does, and files that were
// mounted by themselves.
type trail struct {
	watched map[string]bool
	files   map[string]map[string]bool // by directory, the files that were met
	every   bool                       // every directory on the way, from here on
	links   int
}

func newTrail() *trail {
	return &trail{watched: make(map[string]bool), files: make(map[string]map[string]bool)}
}

// follow gathers the directories of p: below p.dir every one on the way.
func (t *trail) follow(p place) {
	t.every, t.links = false, 0
	base, err := filepath.Abs(p.dir)
	if err != nil {
		return
	}
	root := filepath.VolumeName(base) + string(filepath.Separator)
	dir, ok := t.walk(root, components(base[len(filepath.VolumeName(base)):]))
	if !ok {
		return
	}
	t.every = true
	if dir, ok = t.walk(dir, components(filepath.FromSlash(p.name))); !ok {
		return
	}
	if data, ok := t.walk(dir, []string{dataLink}); ok {
		dir = data
	}
	t.followFiles(dir)
}

// followFiles follows the files of a directory that is a document: links that
// lead elsewhere, and those that were mounted by themselves.
func (t *trail) followFiles(dir string) {
	f, err := os.Open(dir) // #nosec G304 -- configuration names it
	if err != nil {
		return
	}
	defer f.Close()
	entries, _ := f.ReadDir(maxFiles)
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), "..") {
			t.links = 0
			t.walk(dir, []string{e.Name()})
		}
	}
}

// walk follows the components of a path from the directory at, and returns the
// real path of the directory that they lead to; false if it is none.
func (t *trail) walk(at string, rest []string) (string, bool) {
	for len(rest) > 0 {
		var next string
		next, rest = rest[0], rest[1:]
		switch next {
		case ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		if t.every {
			t.watched[at] = true
		}
		path := filepath.Join(at, next)
		fi, err := os.Lstat(path)
		switch {
		case err != nil:
			t.watched[at] = true
			return "", false
		case fi.Mode()&os.ModeSymlink != 0:
			t.watched[at] = true
			target, err := os.Readlink(path)
			if t.links++; err != nil || t.links > maxLinks {
				return "", false
			}
			if filepath.IsAbs(target) {
				volume := filepath.VolumeName(target)
				at, target = volume+string(filepath.Separator), target[len(volume):]
			}
			rest = append(components(target), rest...)
		case fi.IsDir():
			at = path
		default:
			t.file(at, path)
			return "", false
		}
	}
	t.watched[at] = true
	return at, true
}

// file notes a file in the directory at.
func (t *trail) file(at, path string) {
	t.watched[at] = true
	insert(t.files, at, path)
	if isMounted(path) {
		t.watched[path] = true
	}
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
}
