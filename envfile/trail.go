package envfile

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links a path may lead through, as on Linux.
const maxLinks = 40

// A trail gathers the directories in which a change can change what a path
// leads to: those that hold a link on the way, each by its real path, and the
// last one, or, if the path does not exist, the last one that does.
type trail struct {
	dirs  map[string]bool
	every bool // every directory on the way, from here on
	links int
}

// follow gathers the directories of p: below p.dir every one on the way.
func (t *trail) follow(p place) {
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
	if dir, ok = t.walk(dir, components(filepath.FromSlash(p.name))); ok {
		t.walk(dir, []string{dataLink})
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
			t.dirs[at] = true
		}
		path := filepath.Join(at, next)
		fi, err := os.Lstat(path)
		switch {
		case err != nil:
			t.dirs[at] = true
			return "", false
		case fi.Mode()&os.ModeSymlink != 0:
			t.dirs[at] = true
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
			t.dirs[at] = true
			return "", false
		}
	}
	t.dirs[at] = true
	return at, true
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
}
